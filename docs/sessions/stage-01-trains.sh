#!/usr/bin/env bash
# Stage 01 with trains: four calls of recv, each for as many bytes as the client knows must come.
# needs: strace
source "$SESSIONS/lib.sh"

quietly eval 'echo "hello, world" > hello.txt; mkdir received'
serve server '01/server 127.0.0.1 0 1 hello.txt'
run "strace -qq -e trace=recvfrom 01/client 127.0.0.1 $port received"
run 'cmp hello.txt received/hello.txt && echo the same'
finish server
