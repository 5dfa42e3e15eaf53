#!/usr/bin/env bash
# Stages 04 and 06: how many sockets each worker holds before the first client.
source "$SESSIONS/lib.sh"

for stage in 04 06; do
  part "$stage"
  serve "$stage" "$stage/server 127.0.0.1 0 3 hello.txt"
  run "for worker in \$(pgrep -P $server); do ls -l /proc/\$worker/fd | grep -c socket:; done"
  finish "$stage"
done
