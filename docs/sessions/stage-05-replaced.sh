#!/usr/bin/env bash
# Stage 05: the file is replaced by mv in the middle of a transfer.
source "$SESSIONS/lib.sh"

run 'seq 1 2000000 > numbers.txt'
serve server '05/server 127.0.0.1 0 1 numbers.txt'
run "pgrep -P $server"
bg client "./play client $port --read 100000 --then stall"
said client stall
name_pid "${pid_of[client]}"
run 'echo new > new.txt; mv new.txt numbers.txt'
run "ls -l /proc/${workers[0]}/fd/4 | grep -o '[a-z.]* (deleted)'"
run "kill -USR1 ${pid_of[client]}  # the client reads on"
ended client
run "cat < /dev/tcp/127.0.0.1/$port | tail -c 4"
finish server
