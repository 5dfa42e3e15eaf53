#!/usr/bin/env bash
# Stage 05: what the worker has sent, and the client has not read.
# needs: ss
source "$SESSIONS/lib.sh"

run 'seq 1 2000000 > numbers.txt'
serve server '05/server 127.0.0.1 0 1 numbers.txt'
bg client "./play client $port --read 100000 --then stall"
said client stall
vary '^ESTAB +0 +(\d+) +127' 2359291
vary '^ESTAB +(\d+) +0 +127' 162176
vary '127.0.0.1:(?!41)(\d+)' 51870
run "ss -tn 'sport = :$port'  # the worker's end"
run "ss -tn 'dport = :$port'  # the client's end"
kill -KILL "${pid_of[client]}"
ended client 3>/dev/null
finish server
