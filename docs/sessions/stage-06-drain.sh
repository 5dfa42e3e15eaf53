#!/usr/bin/env bash
# Stage 06: SIGTERM in the middle of a transfer. No new clients, the transfer is finished, everybody is reaped.
source "$SESSIONS/lib.sh"

quietly mkdir received
vary '^(471[23])\n\$ 06' 4712 # whichever worker has taken the client
run 'seq 1 2000000 > numbers.txt'
serve server '06/server 127.0.0.1 0 2 numbers.txt'
run "pgrep -P $server"
bg client "./play client $port --read 100000 --then stall"
said client stall
name_pid "${pid_of[client]}"
run "kill -TERM $server"
one_child() { [[ $(children "$server" | wc -w) == 1 ]]; }
until_true "the idle worker has left" one_child
run "pgrep -P $server"
run "06/client 127.0.0.1 $port received; echo \"status \$?\""
part finish
run "kill -USR1 ${pid_of[client]}  # the client reads on"
ended client
status_of server
