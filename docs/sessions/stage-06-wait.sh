#!/usr/bin/env bash
# Stage 06: a client whose connection lies in the channel when SIGTERM comes.
source "$SESSIONS/lib.sh"

quietly mkdir received
run 'seq 1 2000000 > numbers.txt'
serve server '06/server 127.0.0.1 0 1 numbers.txt'
bg client "./play client $port --read 100000 --then stall"
said client stall
name_pid "${pid_of[client]}"
bg second "06/client 127.0.0.1 $port received"
accepted() { # both, by the parent: as long as one lies in the backlog, it has no inode
  local all
  all=$(ss -Htne state established "sport = :$port")
  [[ $(grep -c . <<<"$all") == 2 && $all != *ino:0* ]]
}
until_true "both clients are accepted" accepted
run "kill -TERM $server"
ended second
run "kill -USR1 ${pid_of[client]}  # the first client reads on"
ended client
status_of server
