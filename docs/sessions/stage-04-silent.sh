#!/usr/bin/env bash
# Stage 04: the first half of a file has come. What the client of stage 03 shows of it on a terminal, and that of stage 04.
# needs: script
source "$SESSIONS/lib.sh"

quietly mkdir received
run 'seq 1 2000000 > numbers.txt'
half() { # half NAME SERVER CLIENT: the client on a terminal, in mid-download
  serve "server$1" "$2 127.0.0.1 0 1 numbers.txt"
  relay "proxy$1" "./play proxy $port --hold 7500000"
  name_pid "${pid_of[proxy$1]}"
  bg "client$1" "script -qec '$3 127.0.0.1 $through received' /dev/null < /dev/null > screen"
  said "proxy$1" 'waits for more'
}
part 03
half 03 03/server 03/client
run 'wc -c screen'
run "kill -USR1 ${pid_of[proxy03]}  # the proxy goes on"
ended client03
run 'cat screen'
part 04
half 04 04/server 04/client
until_true "the line is drawn" has_line screen 'left'
vary '(\[.*/14888896 bytes  .*) left' '[====>     ]  49%  7382000/14888896 bytes  85.3 MiB/s  0:00:00'
run "tr '\\r' '\\n' < screen | tail -n 1; echo"
run "kill -USR1 ${pid_of[proxy04]}"
ended client04
vary '100%  14888896/14888896 bytes  (.*)' '85.3 MiB/s  in 0:00:01'
run "tr '\\r' '\\n' < screen | grep -v '^$' | tail -n 2"
finish server03 server04 proxy03 proxy04
