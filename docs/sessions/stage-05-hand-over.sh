#!/usr/bin/env bash
# Stages 04 and 05: what the parent calls for one client.
# needs: strace
source "$SESSIONS/lib.sh"

for stage in 04 05; do
  part "$stage"
  if [[ $stage == 04 ]]; then run 'head -c 1K /dev/zero > kib'; fi
  serve "$stage" "strace -ff -qq -o $stage -e trace=epoll_wait,accept4,sendmsg,recvfrom $stage/server 127.0.0.1 0 2 kib"
  printf '$ pgrep -P $!  # $! is strace: its child is the parent\n%s\n' "$server" >&3
  run "cat < /dev/tcp/127.0.0.1/$port > /dev/null"
  if [[ $stage == 04 ]]; then last=recvfrom; else last=EAGAIN; fi
  until_true "the parent has done with the client" has_line "$stage.$server" "$last"
  vary 'accept4 = (\d+)$' 7
  run "sed -n 's/(.*) *= / = /p' $stage.$server"
  kill -KILL "$server"
  ended "$stage" 3>/dev/null
done
