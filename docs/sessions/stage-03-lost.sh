#!/usr/bin/env bash
# Stage 03: a worker is killed in mid-transfer. What its client sees.
# needs: pgrep
source "$SESSIONS/lib.sh"

run 'seq 1 2000000 > numbers.txt; mkdir -p lost'
serve server '03/server 127.0.0.1 0 1 numbers.txt'
run "pgrep -P $server"
relay proxy "./play proxy $port --hold 7500000"
name_pid "${pid_of[proxy]}"
bg client "03/client 127.0.0.1 $through lost"
name_pid "${pid_of[client]}"
said proxy 'waits for more'
run "kill -KILL ${workers[0]}"
said server 'takes its place'
run "kill -USR1 ${pid_of[proxy]}  # the proxy hands over what the worker had sent, and the end"
status_of client
run 'ls -A lost'
finish server proxy
