#!/usr/bin/env bash
# Stage 03: a debugger that looks at a client for a moment makes its recv return short.
# needs: gdb
source "$SESSIONS/lib.sh"

quietly mkdir received
run 'seq 1 1000 > numbers.txt'
serve server '03/server 127.0.0.1 0 1 numbers.txt'
relay proxy "./play proxy $port --hold 1495"
name_pid "${pid_of[proxy]}"
bg client "03/client --receive=waitall 127.0.0.1 $through received"
name_pid "${pid_of[client]}"
said proxy 'waits for more'
run "gdb -q -batch -p ${pid_of[client]} > /dev/null 2>&1  # attaches, detaches, and that is all"
until_true "the client waits again" in_state "${pid_of[client]}" S
run "kill -USR1 ${pid_of[proxy]}  # the proxy goes on"
ended client
finish server proxy
