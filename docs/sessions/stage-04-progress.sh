#!/usr/bin/env bash
# Stage 04: the progress line, on a terminal and elsewhere.
# needs: script
source "$SESSIONS/lib.sh"

quietly mkdir received
run 'seq 1 2000000 > numbers.txt'
serve server '04/server 127.0.0.1 0 1 numbers.txt'
run "script -qec '04/client 127.0.0.1 $port received' screen > /dev/null"
vary 'bytes  (\d+\.\d) MiB/s' 85.3
run "tr '\\r' '\\n' < screen | grep 100%"
vary '^(\d+)\n\$ 04' 5
run "grep -o $'\\r\\[' screen | wc -l"
run "04/client 127.0.0.1 $port received 2> messages; wc -c messages"
finish server
