#!/usr/bin/env bash
# Stage 05: what a worker calls for each of the four ways to send.
# needs: strace
source "$SESSIONS/lib.sh"

vary 'mmap\(.*\) = (0x\w+)$' 0x7ffff7a31000
for way in copy mmap sendfile splice; do
  part "$way"
  if [[ $way == copy ]]; then run 'seq 1 200000 > numbers.txt'; fi
  serve "$way" "strace -ff -qq -s 4 -o $way -e trace=read,mmap,sendto,sendfile,splice 05/server --send=$way 127.0.0.1 0 1 numbers.txt"
  run "cat < /dev/tcp/127.0.0.1/$port | wc -c"
  run "cat $way.* | grep 'MAP_SHARED\|(4, \|(6, \|^send.*(3, ' | sed -n 3,6p"
  kill -KILL "$server"
  ended "$way" 3>/dev/null
done
