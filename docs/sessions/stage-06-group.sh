#!/usr/bin/env bash
# Stage 06: SIGTERM, and SIGKILL to all its processes before the transfer is over: what systemd does after 90 seconds.
source "$SESSIONS/lib.sh"

run 'seq 1 2000000 > numbers.txt'
serve server '06/server --drain-timeout=3600 127.0.0.1 0 1 numbers.txt'
bg client "./play client $port --read 100000 --then stall"
said client stall
name_pid "${pid_of[client]}"
run "kill -TERM $server"
run "kill -KILL -$server  # the parent and its workers"
status_of server
vary 'read (\d{6,7}) more' 2521467
run "kill -USR1 ${pid_of[client]}  # the client reads on"
ended client
