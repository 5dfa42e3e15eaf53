#!/usr/bin/env bash
# Stage 03: the worker that is to take a client has died: before the client is handed over, and while it lies unread in
# the worker's channel.
# needs: strace pgrep
source "$SESSIONS/lib.sh"

quietly mkdir received
run 'seq 1 1000 > numbers.txt'
serve server 'strace -ff -qq -o trace -e trace=accept4,sendmsg,recvfrom,kill,wait4 -e signal=none 03/server 127.0.0.1 0 1 numbers.txt'
traced server
run "pgrep -P $server"
run "kill -STOP $server"
until_true "the parent is stopped" in_state "$server" Tt
bg client "03/client 127.0.0.1 $port received"
in_backlog() { grep -q ":$(printf %04X "$port") 00000000:0000 0A 00000000:00000001" /proc/net/tcp; }
until_true "the client waits for accept" in_backlog
run "kill -KILL ${workers[0]}  # after the client has come"
until_true "the worker is a zombie" in_state "${workers[0]}" Z
run "kill -CONT $server"
said server 'takes its place'
ended client
mapfile -t workers < <(children "$server")
name_pid "${workers[0]}"
until_true "the worker is idle again" has_line "trace.$server" '"i"'
run "sed -n 's/(.*) *= / = /p' trace.$server"

part unread
run "pgrep -P $server"
run "kill -STOP ${workers[0]}"
until_true "the worker is stopped" in_state "${workers[0]}" Tt
bg next "03/client 127.0.0.1 $port received"
handed_over() { (($(grep -c '^sendmsg.* = 1$' "trace.$server") == 2)); }
until_true "it is handed over" handed_over
run "kill -KILL ${workers[0]}"
said server 'takes its place'
ended next
run "sed -n 's/(.*) *= / = /p' trace.$server | tail -n +8 | head -n 4"
kill -KILL "$server"
ended server
