#!/usr/bin/env bash
# gdb holds both processes: the connection is passed from the parent to the worker, and both are seen.
# needs: gdb
source "$SESSIONS/lib.sh"

quietly eval 'echo "hello, world" > hello.txt'
debug gdb gdb-both.gdb 02/server
listens gdb

part client
bg client "02/client 127.0.0.1 $port"
name_pid "${pid_of[client]}"

part both
ended gdb
ended client
