#!/usr/bin/env bash
# Stage 02: an experiment for each of its questions that has no session of its own.
# needs: gdb strace
source "$SESSIONS/lib.sh"

quietly mkdir received
part fault
run 'seq 1 1000 > numbers.txt'
serve server '02/server 127.0.0.1 0 1 numbers.txt'
relay proxy "./play proxy $port --cut 1495"
run "strace -qq -s 6 -e trace=recvfrom 02/client 127.0.0.1 $through received 2>&1 | tail -n 4"
finish server proxy

part saved
run 'truncate -s 100M zeros'
serve server '02/server 127.0.0.1 0 1 zeros'
relay proxy "./play proxy $port --cut 1489"
run "strace -qq -s 6 -e trace=recvfrom,write 02/client 127.0.0.1 $through received 2>&1 | tail -n 5"
finish server proxy

part ignored
run 'seq 1 2000000 > numbers.txt'
serve server '02/server 127.0.0.1 0 1 numbers.txt'
worker=${workers[0]}
run "pgrep -P $server"
run "gdb -q -batch -p $worker -ex 'call ((void *(*)(int, long))signal)(13, 1)' > gdb.txt 2>&1"
run "grep SigIgn /proc/$worker/status"
run "./play client $port --read 100000 --then reset"
all_read() { (($(awk '/^rchar/ {print $2}' "/proc/$worker/io") >= 14888896)); }
until_true "the worker has read the whole file" all_read
run "stat -c %s numbers.txt; grep rchar /proc/$worker/io"
finish server

part kept
run 'python3 -c '"'"'
import os, select, socket
ours, theirs = socket.socketpair()
copy = os.dup(theirs.fileno())
theirs.close()
epoll = select.epoll()
epoll.register(ours, select.EPOLLIN)
print(epoll.poll(0.2))
os.close(copy)
print(epoll.poll(0.2), select.EPOLLIN | select.EPOLLHUP)'"'"

part kill
bg parent "python3 -c 'import os, signal; os.fork() or os._exit(0); signal.pause()'"
parent=${pid_of[parent]}
dead() { zombie=$(children "$parent"); [[ $zombie ]] && in_state "$zombie" Z; }
until_true "its child is a zombie" dead
name_pid "$parent"
name_pid "$zombie"
run "pgrep -P $parent"
run "kill -KILL $zombie; grep State /proc/$zombie/status"
finish parent

part same
run 'cp hello.txt copy.txt; printf W | dd of=copy.txt bs=1 seek=7 conv=notrunc status=none'
run 'stat -c "%s %n" hello.txt copy.txt'
run 'md5sum hello.txt copy.txt'
run 'cmp hello.txt copy.txt'
