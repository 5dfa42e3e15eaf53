#!/usr/bin/env bash
# Stage 01: an experiment for each of its questions that has no session of its own.
# needs: strace
source "$SESSIONS/lib.sh"

quietly eval 'echo "hello, world" > hello.txt'
part cuts
run 'rm -rf fresh; mkdir fresh'
serve server '01/server --raw 127.0.0.1 0 1 hello.txt'
relay proxy "./play proxy $port --cut 9"
run "01/client --raw 127.0.0.1 $through fresh"
relay other "./play proxy $port --cut 5"
run "01/client --raw 127.0.0.1 $through fresh"
run 'ls -Q fresh'
finish server proxy other

part flush
run "python3 -c 'import os; print(\"listening\"); os._exit(0)' | cat"
run "python3 -c 'import os; print(\"listening\", flush=True); os._exit(0)' | cat"

part signed
run "printf '%s\n' '#include <cstdio>' 'int main() { int length = -1; std::printf(\"%d %d\n\", length > 1000, length > 1000u); }' > signed.cpp"
run 'g++ -w -o signed signed.cpp && ./signed'

part number
run 'python3 -c '"'"'
import os, socket
ours, theirs = socket.socketpair()
file = os.open("hello.txt", os.O_RDONLY)
os.read(file, 7)
socket.send_fds(ours, [b"x"], [file])
passed = socket.recv_fds(theirs, 1, 1)[1][0]
print(file, passed, os.read(passed, 6))'"'"

part byte
run 'python3 -c '"'"'
import socket
ours, theirs = socket.socketpair()
print(socket.send_fds(ours, [b""], [1]))
theirs.setblocking(False)
try: print(socket.recv_fds(theirs, 1, 1))
except BlockingIOError as error: print(error)'"'"''

part copy
run 'python3 -c '"'"'
import os, socket
ours, theirs = socket.socketpair()
copy = os.dup(theirs.fileno())
theirs.close()
try: print(ours.recv(1, socket.MSG_DONTWAIT))
except BlockingIOError: print("no end: somebody still holds the other side")
os.close(copy)
print(ours.recv(1))'"'"

part stopped
serve server 'strace -qq -e trace=epoll_wait,epoll_pwait 01/server 127.0.0.1 0 1 hello.txt 2> calls'
until_true "the parent waits" has_line calls epoll_
run "kill -STOP $server  # the server; \$! is strace"
until_true "the parent is stopped" in_state "$server" Tt
run "kill -CONT $server"
until_true "it waits again" has_line calls EINTR
vary 'epoll_(p?wait)\(' wait
vary '0x([0-9a-f]+), 1, -1' 7fffffffe0c8
vary '1, -1(, NULL, 8)\)' ''
run 'grep EINTR calls'
kill -KILL "$server"
ended server
