#!/usr/bin/env bash
# Stage 04: how often the line is drawn, by three rules; and what comes out where there is no terminal.
# needs: script
source "$SESSIONS/lib.sh"

quietly mkdir received
run 'seq 1 2000000 > numbers.txt'
serve server '04/server 127.0.0.1 0 1 numbers.txt'
run "script -qec '04/client 127.0.0.1 $port received' /dev/null > screen"
vary '^(\d+)$' 5
run "grep -o $'\\r\\[' screen | wc -l"
part redirected
run "04/client 127.0.0.1 $port received 2> messages; wc -c messages"
finish server
