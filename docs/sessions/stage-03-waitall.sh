#!/usr/bin/env bash
# Stage 03: one recv with MSG_WAITALL, stopped in the middle of a body; then the loop, in the same place. And one that
# is stopped while it has nothing yet.
# needs: strace pgrep
source "$SESSIONS/lib.sh"

quietly mkdir received
run 'seq 1 1000 > numbers.txt'
serve server '03/server 127.0.0.1 0 1 numbers.txt'
stop_at() { # stop_at NAME OFFSET WAY
  relay "$1-proxy" "./play proxy $port --hold $2"
  name_pid "${pid_of[$1-proxy]}"
  bg "$1" "strace -qq -s 4 -e trace=recvfrom 03/client --receive=$3 127.0.0.1 $through received"
  said "$1-proxy" 'waits for more'
  client=$(children "${pid_of[$1]}")
  name_pid "${pid_of[$1]}"
  name_pid "$client"
  traced "$1"
  run "kill -STOP $client"
  stopped_under "../$1.out"
  run "kill -CONT $client"
  until_true "the client waits again" in_state "$client" S
  run "kill -USR1 ${pid_of[$1-proxy]}  # the proxy goes on"
}
vary '(si_pid=\d+, si_uid=\d+)' 'si_pid=4700, si_uid=1000'
part waitall
stop_at waitall 1495 waitall
ended waitall
part exact
stop_at exact 1495 exact
ended exact
part between
stop_at between 1019 waitall
said between 'SIGSTOP {'
said between ' = 1000$'
quietly wait "${pid_of[between]}"
run 'cmp numbers.txt received/numbers.txt && echo the same'
finish server waitall-proxy exact-proxy between-proxy
