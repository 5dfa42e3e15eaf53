#!/usr/bin/env bash
# Stage 04: how many system calls a MiB takes.
# needs: strace pgrep
source "$SESSIONS/lib.sh"

quietly mkdir received
run 'head -c 1M /dev/zero > mib'
serve server 'strace -ff -qq -o server -e trace=read,sendto 04/server 127.0.0.1 0 1 mib'
traced server
run "strace -qq -o client -e trace=recvfrom,write 04/client 127.0.0.1 $port received"
until_true "the worker is idle again" has_line "server.${workers[0]}" '"i"'
run "pgrep -P $server"
run "grep -c read.4, server.${workers[0]}"
run "grep -c sendto.3, server.${workers[0]}"
run "grep -c recvfrom client"
run "grep -c write.5, client"
kill -KILL "$server"
ended server
