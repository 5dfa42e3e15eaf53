#!/usr/bin/env bash
# Stage 03: one recv with MSG_WAITALL, stopped in the middle of a body; then the loop, in the same place.
# needs: strace
source "$SESSIONS/lib.sh"

quietly mkdir received
run 'seq 1 1000 > numbers.txt'
serve server '03/server 127.0.0.1 0 1 numbers.txt'
stop_in_mid_body() { # stop_in_mid_body NAME WAY
  relay "$1-proxy" "python3 -m bytetrain.play proxy $port --hold 1495"
  name_pid "${pid_of[$1-proxy]}"
  bg "$1" "strace -qq -s 4 -e trace=recvfrom 03/client --receive=$2 127.0.0.1 $through received"
  said "$1-proxy" 'waits for more'
  client=$(children "${pid_of[$1]}")
  name_pid "$client"
  run "kill -STOP $client"
  until_true "the client is stopped" in_state "$client" Tt
  run "kill -CONT $client"
  until_true "the client waits again" in_state "$client" S
  run "kill -USR1 ${pid_of[$1-proxy]}  # the proxy goes on"
  ended "$1"
}
vary '(si_pid=\d+, si_uid=\d+)' 'si_pid=4700, si_uid=1000'
part waitall
stop_in_mid_body waitall waitall
part exact
stop_in_mid_body exact exact
finish server waitall-proxy exact-proxy
