#!/usr/bin/env bash
# Stage 06: a worker is killed while the server drains. It isn't replaced; the server leaves all the same.
source "$SESSIONS/lib.sh"

run 'seq 1 2000000 > numbers.txt'
serve server '06/server 127.0.0.1 0 1 numbers.txt'
run "pgrep -P $server"
bg client "./play client $port --read 100000 --then stall"
said client stall
name_pid "${pid_of[client]}"
run "kill -TERM $server"
run "kill -KILL ${workers[0]}"
status_of server
vary 'read (\d{6,7}) more' 2521467
run "kill -USR1 ${pid_of[client]}  # the client reads on"
ended client
