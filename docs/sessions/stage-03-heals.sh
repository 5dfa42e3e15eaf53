#!/usr/bin/env bash
# Stage 03: the deaths of stage 02 again. No zombie, no spinning, and as many workers as before.
# needs: pgrep
source "$SESSIONS/lib.sh"

quietly mkdir received
run 'seq 1 2000000 > numbers.txt'
serve server '03/server 127.0.0.1 0 2 numbers.txt'
run "pgrep -P $server"
run "./play client $port --read 100000 --then reset"
said server 'worker'
run "kill -KILL ${workers[1]}"
said server 'takes its place'
two_children() { [[ $(children "$server" | wc -w) == 2 ]]; }
until_true "there are two workers" two_children
mapfile -t workers < <(children "$server")
name_pid "${workers[1]}"
run "pgrep -P $server"
until_true "the parent sleeps" in_state "$server" S
run "grep -E 'State|SigIgn' /proc/$server/status"
run "03/client 127.0.0.1 $port received"

part at-once
run "kill -STOP $server"
until_true "the parent is stopped" in_state "$server" T
for worker in "${workers[@]}"; do
  run "kill -KILL $worker"
  until_true "$worker is a zombie" in_state "$worker" Z
done
run "grep State $(printf "/proc/%s/status " "${workers[@]}")"
run "kill -CONT $server"
said server 'takes its place'
said server 'takes its place'
finish server
