#!/usr/bin/env bash
# Stage 01: a file has no name until it is whole; the second time there is an older one in its place.
# needs: strace
source "$SESSIONS/lib.sh"

quietly eval 'echo "hello, world" > hello.txt'
run 'rm -rf fresh; mkdir fresh'
serve server '01/server 127.0.0.1 0 1 hello.txt'
relay proxy "./play proxy $port --hold 17"
bg client "01/client 127.0.0.1 $through fresh"
held() { [[ $(readlink "/proc/${pid_of[client]}/fd/"* 2>/dev/null) == *'(deleted)'* ]]; }
until_true "the client has a file without a name" held
name_pid "${pid_of[client]}"
run 'ls -A fresh'
vary '/#(\d+) \(deleted\)' 60009
run "readlink /proc/${pid_of[client]}/fd/* | grep deleted"
run "kill -USR1 ${pid_of[proxy]}"
name_pid "${pid_of[proxy]}"
ended client
run 'ls -A fresh'

part again
vary 'receiving-(\d+)-0' 4714
run "strace -qq -e trace=linkat,renameat 01/client 127.0.0.1 $port fresh"
finish server proxy
