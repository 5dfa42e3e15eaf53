#!/usr/bin/env bash
# Stage 05: two workers die while the parent is stopped. One SIGCHLD stands for both.
# needs: strace
source "$SESSIONS/lib.sh"

serve server 'strace -qq -o parent -e trace=read,wait4 -e signal=none 05/server 127.0.0.1 0 2 hello.txt'
printf '$ pgrep -P $!  # $! is strace: its child is the parent\n%s\n' "$server" >&3
run "pgrep -P $server"
printf '$ kill -STOP %s\n' "$server" >&3
stopped "$server"
run "kill -KILL ${workers[*]}"
both_dead() { in_state "${workers[0]}" Z && in_state "${workers[1]}" Z; }
until_true "both are zombies" both_dead
run "kill -CONT $server"
said server 'takes its place'
said server 'takes its place'
until_true "all dead are reaped" has_line parent 'wait4.*ECHILD'
run "grep -A 3 '(7, ' parent | sed 's/(.*) *= / = /'"
kill -KILL "$server"
ended server 3>/dev/null
