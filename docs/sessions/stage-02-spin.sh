#!/usr/bin/env bash
# Stage 02: what the parent does once a worker is dead.
# needs: strace
source "$SESSIONS/lib.sh"

run 'seq 1 2000000 > numbers.txt'
serve server 'strace -ff -qq -o spin -e trace=epoll_wait,epoll_pwait,recvfrom 02/server 127.0.0.1 0 2 numbers.txt'
run "./play client $port --read 100000 --then reset"
spinning() { in_state "${workers[0]}" Z && (($(grep -c '= 0$' "spin.$server") >= 1000)); } # SIGCHLD lies far behind
until_true "the parent spins" spinning
run "kill -KILL $server"
ended server 3>/dev/null
vary 'epoll_(p?wait)\(' wait
vary 'data=(\{u32=\d+, u64=\d+\}|0x[0-9a-f]+)' '{u32=2863311530, u64=93824992236400}' # newer versions of strace: data=0x...
vary '1, -1(, NULL, 8)\)' ''
run "tail -n 9 spin.$server | grep -m 2 -A 1 '= 0\$'"
