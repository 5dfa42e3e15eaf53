#!/usr/bin/env bash
# Stage 06: Ctrl-C in the middle of a transfer. Every worker is ended and reaped; status 0.
source "$SESSIONS/lib.sh"

run 'seq 1 2000000 > numbers.txt'
serve server '06/server 127.0.0.1 0 2 numbers.txt'
run "pgrep -P $server"
bg client "./play client $port --read 100000 --then stall"
said client stall
name_pid "${pid_of[client]}"
run "grep SigBlk /proc/$server/status /proc/${workers[0]}/status"
run "kill -INT -$server  # what Ctrl-C does: SIGINT to the whole process group"
status_of server
vary 'read (\d{6,7}) more' 2521467
run "kill -USR1 ${pid_of[client]}  # the client reads on"
ended client
