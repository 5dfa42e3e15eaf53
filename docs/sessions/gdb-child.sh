#!/usr/bin/env bash
# gdb follows the fork: a breakpoint in the worker.
# needs: gdb
source "$SESSIONS/lib.sh"

quietly eval 'echo "hello, world" > hello.txt'
debug gdb gdb-child.gdb 02/server
listens gdb

part client
run "02/client 127.0.0.1 $port"

part worker
ended gdb
quietly kill -KILL "$server"
