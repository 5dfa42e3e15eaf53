#!/usr/bin/env bash
# Stage 05: the same MiB, by sendfile and splice.
# needs: strace
source "$SESSIONS/lib.sh"

quietly mkdir received
run 'head -c 1M /dev/zero > mib'
serve server 'strace -ff -qq -o server -e trace=read,sendto,sendfile 05/server 127.0.0.1 0 1 mib'
run "strace -qq -o client -e trace=recvfrom,splice,write 05/client 127.0.0.1 $port received"
until_true "the worker has sent the file" has_line "server.${workers[0]}" 'sendfile.*= 1048576'
run "grep -A 2 sendto.3, server.${workers[0]}"
run "grep -c recvfrom client"
vary 'splice client\n([2-9]|\d\d\d?)$' 24
run "grep -c splice client"
kill -KILL "$server"
ended server
