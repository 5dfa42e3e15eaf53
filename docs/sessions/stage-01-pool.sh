#!/usr/bin/env bash
# The pool at work: one client, from accept to "idle", in the parent and in the worker.
# needs: strace
source "$SESSIONS/lib.sh"

quietly eval 'echo "hello, world" > hello.txt; mkdir received'
serve server 'strace -ff -qq -o pool -e trace=accept4,sendmsg,recvmsg,sendto,close 01/server 127.0.0.1 0 2 hello.txt'
run "pgrep -P $server"
run "for fd in /proc/$server/fd/[3-9]; do echo \"\$fd: \$(readlink \$fd)\"; done"
run "01/client 127.0.0.1 $port received"
until_true "the worker has said that it is idle" has_line "pool.${workers[0]}" '"i", 1'
until_true "the worker waits again" in_state "${workers[0]}" S

part parent
run "grep -A 2 accept4 pool.$server"
part worker
run "grep -A 5 ^recvmsg pool.${workers[0]} | head -n 6"
part end
run "kill -KILL $server"
until_true "the workers have left" has_line "pool.${workers[0]}" 'recvmsg.*= 0$'
run "tail -n 1 pool.${workers[0]}"
ended server 3>/dev/null
