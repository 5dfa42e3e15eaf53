#!/usr/bin/env bash
# Stage 01 without trains: name and content wait together in the client's queue, and stick.
# needs: ss
source "$SESSIONS/lib.sh"
vary '127\.0\.0\.1:(\d{5}) +127\.0\.0\.1:41233' 51870

run 'echo "hello, world" > hello.txt'
serve server '01/server --raw 127.0.0.1 0 1 hello.txt'
run "pgrep -P $server"
run "kill -STOP ${workers[0]}"
until_true "the worker is stopped" in_state "${workers[0]}" Tt

part queue
bg client "01/client --raw 127.0.0.1 $port"
connected() { [[ $(ss -Htn state established "dport = :$port") ]]; }
until_true "the client has connected" connected
until_true "the client waits in recv" in_state "${pid_of[client]}" S
name_pid "${pid_of[client]}"
run "kill -STOP ${pid_of[client]}"
until_true "the client is stopped" in_state "${pid_of[client]}" T
run "kill -CONT ${workers[0]}"
closed() { [[ $(ss -Htn state close-wait "dport = :$port") ]]; }
until_true "the worker has sent all and closed" closed
run "ss -tn 'dport = :$port'"

part stick
run "kill -CONT ${pid_of[client]}"
ended client
run 'ls -Q hello*'
finish server
