#!/usr/bin/env bash
# gdb catches SIGPIPE in the worker, at the send that raised it.
# needs: gdb
source "$SESSIONS/lib.sh"

# g++ 11 (Ubuntu 22.04) comes without a printer of std::span
vary 'bytes=(\.\.\.)' 'std::span of length 1004 = {...}'
vary 'body=(\.\.\.)' 'std::span of length 1000 = {...}'
vary '(?<=^\(gdb\) frame )(.*)$' 3
run 'seq 1 2000000 > numbers.txt'
debug gdb gdb-sigpipe.gdb 02/server
listens gdb

part client
run "./play client $port --read 100000 --then reset"

part worker
ended gdb
quietly kill -KILL "$server"
