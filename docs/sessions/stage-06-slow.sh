#!/usr/bin/env bash
# Stage 06: as many clients that don't read as there are workers, and everybody else waits.
source "$SESSIONS/lib.sh"

quietly mkdir received
run 'seq 1 2000000 > numbers.txt'
serve server '06/server 127.0.0.1 0 2 numbers.txt'
for each in one two; do
  bg "$each" "./play client $port --read 100000 --then stall"
  said "$each" stall
  name_pid "${pid_of[$each]}"
done
run "timeout 3 06/client 127.0.0.1 $port received; echo \"status \$?\""
run "kill -USR1 ${pid_of[one]}  # one of the two reads on"
ended one
run "06/client 127.0.0.1 $port received; echo \"status \$?\""
finish two server
