#!/usr/bin/env bash
# What each format looks like on the wire.
source "$SESSIONS/lib.sh"

quietly eval 'echo "hello, world" > hello.txt'
for stage in 01 02 04 05; do
  part "stage-$stage"
  serve "server-$stage" "$stage/server 127.0.0.1 0 1 hello.txt"
  run "cat < /dev/tcp/127.0.0.1/$port | od -A d -t x1z"
  finish "server-$stage"
done
