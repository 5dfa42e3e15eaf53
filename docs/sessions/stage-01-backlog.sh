#!/usr/bin/env bash
# Stage 01: every worker is busy, and the next client waits in the kernel.
# needs: ss
source "$SESSIONS/lib.sh"

quietly eval 'echo "hello, world" > hello.txt'
run 'mkdir -p one two'
serve server '01/server 127.0.0.1 0 1 hello.txt'
run "pgrep -P $server"
run "kill -STOP ${workers[0]}"
until_true "the worker is stopped" in_state "${workers[0]}" Tt
bg one "01/client 127.0.0.1 $port one"
connections() { [[ $(ss -Htn state established "dport = :$port" | wc -l) == "$1" ]]; }
waiting() { [[ $(ss -Hltn "sport = :$port" | awk '{print $2}') == "$1" ]]; }
until_true "the first client has connected" connections 1
until_true "the parent has accepted it" waiting 0
bg two "01/client 127.0.0.1 $port two"
until_true "the second client has connected" connections 2
until_true "it waits" waiting 1
vary '^LISTEN +1 +(\d+) ' 4096
run "ss -ltn 'sport = :$port'"
run "grep State /proc/$server/status"

part on
run "kill -CONT ${workers[0]}"
ended one
ended two
finish server
