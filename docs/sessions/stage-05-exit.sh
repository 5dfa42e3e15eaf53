#!/usr/bin/env bash
# Stage 05: SIGTERM in the middle of a transfer leaves an orphan.
source "$SESSIONS/lib.sh"

run 'seq 1 2000000 > numbers.txt'
serve server '05/server 127.0.0.1 0 2 numbers.txt'
run "pgrep -P $server"
bg client "./play client $port --read 100000 --then stall"
said client stall
name_pid "${pid_of[client]}"
holds() { find "/proc/$1/fd" -lname '*/numbers.txt' 2>/dev/null | grep -q .; }
if holds "${workers[0]}"; then busy=${workers[0]}; else busy=${workers[1]}; fi # whichever has taken the client
vary '/proc/(471[23])/status' 4712
run "kill -TERM $server"
status_of server
orphan() { ! grep -q "^PPid:.$server\$" "/proc/$busy/status"; }
until_true "the worker has another parent" orphan
vary 'PPid:\s(\d+)' 1
run "grep -E 'Name|State|PPid' /proc/$busy/status"
run "kill -USR1 ${pid_of[client]}  # the client reads on"
ended client

part ctrl-c
serve second '05/server 127.0.0.1 0 2 numbers.txt'
bg client2 "./play client $port --read 100000 --then stall"
said client2 stall
name_pid "${pid_of[client2]}"
run "kill -INT -$server  # what Ctrl-C does: SIGINT to the whole process group"
run "kill -USR1 ${pid_of[client2]}  # the client reads on"
vary 'read (\d{6,7}) more' 2521467
ended client2
status_of second
