#!/usr/bin/env bash
# Stage 04: what a server could say of the progress: what it has sent, and what the client has read.
# needs: strace pgrep
source "$SESSIONS/lib.sh"

run 'seq 1 2000000 > numbers.txt'
serve server 'strace -ff -qq -o server -e trace=sendto 04/server 127.0.0.1 0 1 numbers.txt'
traced server
run "pgrep -P $server"
bg stalled "./play client $port --read 100000 --then stall"
said stalled 'then: stall'
vary '^(\d{6,})$' 2700000
run "awk '{sum += \$NF} END {print sum}' server.${workers[0]}"
kill -KILL "${workers[0]}" "$server"
quietly wait "${pid_of[server]}"
finish stalled
