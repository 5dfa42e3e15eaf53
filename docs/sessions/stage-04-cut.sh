#!/usr/bin/env bash
# Stage 04: the announced size is not what comes. What the client has done with its disk by then; and a file that is cut
# while it is sent.
source "$SESSIONS/lib.sh"

run 'truncate -s 3G large; mkdir -p cut'
serve server '04/server 127.0.0.1 0 1 large'
relay proxy "./play proxy $port --hold 30"
name_pid "${pid_of[proxy]}"
bg client "04/client 127.0.0.1 $through cut"
name_pid "${pid_of[client]}"
said proxy 'waits for more'
run "kill ${pid_of[proxy]}  # all that comes: the name, 3 GiB announced, 5 bytes of a train"
status_of client
run 'ls -A cut'
finish server

part file
run 'seq 1 2000000 > shrinks.txt'
serve second '04/server 127.0.0.1 0 1 shrinks.txt'
bg stalled "./play client $port --read 100000 --then stall"
said stalled 'then: stall'
name_pid "${pid_of[stalled]}"
run 'truncate -s 1000 shrinks.txt'
run "kill -USR1 ${pid_of[stalled]}  # it reads on"
said second 'shorter'
vary 'read (\d+) more' 2600000
ended stalled
finish second
