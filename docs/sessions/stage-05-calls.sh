#!/usr/bin/env bash
# One MiB: what it takes in stage 04, and what by sendfile and splice.
# needs: strace
source "$SESSIONS/lib.sh"

quietly mkdir received
part 04
run 'head -c 1M /dev/zero > mib'
serve four 'strace -ff -qq -o four -e trace=read,sendto 04/server 127.0.0.1 0 1 mib'
run "strace -qq -o client4 -e trace=recvfrom,write 04/client 127.0.0.1 $port received"
until_true "the worker is idle again" has_line "four.${workers[0]}" '"i"'
run "cat four.* | grep -c '^read(4\|^sendto(3'"
run "grep -c 'recvfrom\|write(5' client4"
kill -KILL "$server"
ended four 3>/dev/null

part 05
serve five 'strace -ff -qq -o five -e trace=read,sendto,sendfile 05/server 127.0.0.1 0 1 mib'
run "strace -qq -o client5 -e trace=recvfrom,splice 05/client 127.0.0.1 $port received"
until_true "the worker has sent the file" has_line "five.${workers[0]}" 'sendfile.*= 1048576'
run "cat five.* | grep '^sendto(3\|^sendfile(3'"
run 'grep -c recvfrom client5'
vary 'splice client5\n([2-9]|\d\d\d?)$' 24
run 'grep -c splice client5'
kill -KILL "$server"
ended five
