#!/usr/bin/env bash
# Stage 03: a parent that is out of descriptors waits; it neither ends nor spins.
# needs: strace prlimit pgrep
source "$SESSIONS/lib.sh"

quietly mkdir received
run 'seq 1 1000 > numbers.txt'
serve server 'strace -qq -o trace -e trace=accept4,epoll_ctl,epoll_wait,epoll_pwait 03/server 127.0.0.1 0 2 numbers.txt'
traced server
run "ls /proc/$server/fd | tr '\\n' ' '; echo"
run "prlimit --pid $server --nofile=7:  # 0 to 6: no more than it has"
bg client "03/client 127.0.0.1 $port received"
tried_twice() { (($(grep -c EMFILE trace) >= 2)); }
until_true "the parent has tried twice" tried_twice
run "prlimit --pid $server --nofile=1024:"
ended client
run "grep -m 1 -A 4 EMFILE trace | sed 's/, data={[^}]*}//'"
kill -KILL "$server"
ended server
