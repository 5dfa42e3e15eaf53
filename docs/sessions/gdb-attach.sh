#!/usr/bin/env bash
# gdb attaches to a worker that runs already, and lets it go again.
# needs: gdb pgrep
source "$SESSIONS/lib.sh"

serve server "02/server 127.0.0.1 0 2 hello.txt"
run "pgrep -P $server"
debug gdb gdb-attach.gdb "-p ${workers[0]}"
until_true "the worker goes on under gdb" has_line ../gdb.out '^+continue'

part client
bg client "02/client 127.0.0.1 $port"

part worker
ended gdb
ended client
quietly kill -KILL "$server"
