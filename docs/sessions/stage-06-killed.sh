#!/usr/bin/env bash
# Stage 06: the parent is killed. The worker finishes its transfer and leaves.
source "$SESSIONS/lib.sh"

run 'seq 1 2000000 > numbers.txt'
serve server '06/server 127.0.0.1 0 2 numbers.txt'
bg client "./play client $port --read 100000 --then stall"
said client stall
name_pid "${pid_of[client]}"
run "kill -KILL $server"
quietly wait "$server"
one_left() { in_state "${workers[0]}" 'Z ' || in_state "${workers[1]}" 'Z '; } # whichever is idle
until_true "the idle worker has left" one_left
run "kill -USR1 ${pid_of[client]}  # the client reads on"
ended client
left() { ! in_state "${workers[0]}" RSDT && ! in_state "${workers[1]}" RSDT; }
until_true "the workers have left" left
