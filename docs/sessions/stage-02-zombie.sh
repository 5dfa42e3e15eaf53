#!/usr/bin/env bash
# Stage 02 after the death of a worker: a zombie, a parent that spins, and a server that the next client kills.
source "$SESSIONS/lib.sh"

quietly mkdir received
run 'seq 1 2000000 > numbers.txt'
serve server '02/server 127.0.0.1 0 2 numbers.txt'
worker=${workers[0]}
run "pgrep -P $server"
run "grep State /proc/$server/status /proc/$worker/status"
run "./play client $port --read 100000 --then reset"

part zombie
until_true "the worker is a zombie" in_state "$worker" Z
run "grep -E 'State|PPid' /proc/$worker/status"
run "ps -elf | awk '\$5 == $server { print \$2, \$4, \$5, \$15, \$16 }'"

part spin
ticks() { awk '{print $14 + $15}' "/proc/$server/stat"; }
busy() { (($(ticks) >= 20)); }
until_true "the parent has used 0.2 s of CPU" busy
until_true "the parent runs" in_state "$server" R
run "grep State /proc/$server/status"
vary 'stat\n([2-9]\d|\d{3,})$' 20
run "awk '{print \$14 + \$15}' /proc/$server/stat"

part next
run "02/client 127.0.0.1 $port received; echo \"status \$?\""
status_of server
