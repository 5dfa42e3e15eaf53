#!/usr/bin/env bash
# Stage 06: how the drain timer is set, and what a timer of zero would be.
# needs: strace
source "$SESSIONS/lib.sh"

for seconds in 0 30; do
  serve "$seconds" "strace -qq -o trace -e trace=timerfd_settime -e signal=none 06/server --drain-timeout=$seconds 127.0.0.1 0 1 hello.txt"
  printf '$ pgrep -P $!  # $! is strace: its child is the parent\n%s\n' "$server" >&3
  run "kill -TERM $server"
  ended "$seconds"
  run "grep -o 'it_value=.*}' trace"
done
