#!/usr/bin/env bash
# Stage 02: a worker that waits in send is stopped and goes on. The send returns short, and nobody looks.
# needs: strace
source "$SESSIONS/lib.sh"

run 'seq 1 2000000 > numbers.txt'
serve server 'strace -ff -qq -s 4 -o trace -e trace=sendto 02/server 127.0.0.1 0 1 numbers.txt'
worker=${workers[0]}
bg client "./play client $port --read 100000 --then stall"
said client stall
run "pgrep -P $server"
run "kill -STOP $worker"
stopped_under "trace.$worker"
run "kill -CONT $worker"
until_true "the worker waits again" in_state "$worker" S
until_true "strace has seen it" has_line "trace.$worker" 'SIGCONT {'
vary '1004, 0, NULL, 0\) = (\d{1,3})$' 572
vary '(si_pid=\d+, si_uid=\d+)' 'si_pid=4700, si_uid=1000'
run "grep -B 1 -A 2 'SIGSTOP {' trace.$worker"
kill -KILL "$server"
finish server client
