#!/usr/bin/env bash
# Stage 02: a client goes away in mid-transfer, and the worker that served it dies of SIGPIPE.
# needs: strace
source "$SESSIONS/lib.sh"

quietly mkdir received
run 'seq 1 2000000 > numbers.txt'
serve server 'strace -ff -qq -s 4 -o trace -e trace=sendto,sendmsg 02/server 127.0.0.1 0 2 numbers.txt'
worker=${workers[0]}
run "pgrep -P $server"
run "./play client $port --read 100000 --then reset"
until_true "the worker is a zombie" in_state "$worker" Z

part worker
vary '= (\d+|-1 E.*)\nsendto.*EPIPE' '-1 ECONNRESET (Connection reset by peer)' # a part of the train may have gone before
vary '(si_uid=\d+)' 'si_uid=1000'
run "tail -n 4 trace.$worker"

kill -KILL "$server"
ended server
