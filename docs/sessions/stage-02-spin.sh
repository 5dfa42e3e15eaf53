#!/usr/bin/env bash
# Stage 02: what the parent does once a worker is dead.
# needs: strace
source "$SESSIONS/lib.sh"

quietly eval 'seq 1 2000000 > numbers.txt'
serve server '02/server 127.0.0.1 0 2 numbers.txt'
quietly python3 -m bytetrain.play client "$port" --read 100000 --then reset
until_true "the worker is a zombie" in_state "${workers[0]}" Z
start tracer "strace -p $server -o spin"
printf '$ strace -p %s -o spin\n' "$server" >&3
long() { (($(wc -l <spin) >= 20)); }
until_true "there is enough to see" long
kill -INT "${pid_of[tracer]}"
wait "${pid_of[tracer]}" || true
vary 'epoll_(p?wait)' wait
vary 'u32=(\d+)' 2863311530
vary 'u64=(\d+)' 93824992236400
vary '1, -1(, NULL, 8)?\)' ''
run "head -n 4 spin"
finish server
