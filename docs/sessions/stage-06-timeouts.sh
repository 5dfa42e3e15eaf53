#!/usr/bin/env bash
# Stage 06: the two limits, with a client that has stalled.
source "$SESSIONS/lib.sh"

vary 'read (\d{6,7}) more' 2521467
part drain
run 'seq 1 2000000 > numbers.txt'
serve drain '06/server --drain-timeout=1 127.0.0.1 0 1 numbers.txt'
bg client "./play client $port --read 100000 --then stall"
said client stall
name_pid "${pid_of[client]}"
run "kill -TERM $server"
status_of drain
run "kill -USR1 ${pid_of[client]}  # the client reads on"
ended client
vary 'sendfile: (Broken pipe|Connection timed out)' 'Broken pipe'
part stall
serve stall '06/server --stall-timeout=1 127.0.0.1 0 1 numbers.txt'
bg client2 "./play client $port --read 100000 --then stall"
said client2 stall
said stall worker
quietly kill -USR1 "${pid_of[client2]}"
ended client2 3>/dev/null
finish stall
