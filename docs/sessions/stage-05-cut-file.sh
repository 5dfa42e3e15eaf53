#!/usr/bin/env bash
# Stage 05: a file is cut while it is being sent, with sendfile and from a mapping: before the last page, in it, and too late.
# needs: strace
source "$SESSIONS/lib.sh"

vary '= (\d{6,7})$' 2621440
vary 'sendfile\(3, 4, NULL, (\d{7,8})\) += 0$' 12267456
vary 'sendto\(3, (0x\w+), ' 0x7ffff7cb1000 # 2621440 bytes behind a page's beginning
vary 'sendto\(3, 0x\w+, (\d{7,8}), .*EFAULT' 12263424
for way in sendfile mmap; do
  part "$way"
  run 'seq 1 2000000 > numbers.txt'
  serve "$way" "strace -ff -qq -s 4 -o $way -e trace=sendto,sendfile 05/server --send=$way 127.0.0.1 0 1 numbers.txt"
  bg "$way-client" "./play client $port --read 100000 --then stall"
  said "$way-client" stall
  name_pid "${pid_of[$way-client]}"
  run 'truncate -s 1M numbers.txt'
  run "kill -USR1 ${pid_of[$way-client]}  # the client reads on"
  vary 'read (\d{6,7}) more' 2521467
  ended "$way-client"
  said "$way" worker
  run "cat $way.* | grep '(3, ' | tail -n 2"
  kill -KILL "$server"
  ended "$way" 3>/dev/null
done

part last-page
run 'seq 1 2000000 > numbers.txt'
serve last "strace -ff -qq -s 4 -o last -e trace=read,sendto 05/server --send=mmap 127.0.0.1 0 1 numbers.txt"
bg last-client "./play client $port --read 100000 --then stall"
said last-client stall
name_pid "${pid_of[last-client]}"
run 'truncate -s -50 numbers.txt'
run "kill -USR1 ${pid_of[last-client]}  # the client reads on"
ended last-client
said last worker
run "cat last.* | grep '(3, \|(4, ' | tail -n 3"
kill -KILL "$server"
ended last 3>/dev/null

part queued
run 'seq 1 20000 > small.txt'
serve queued '05/server 127.0.0.1 0 1 small.txt'
run "{ head -c 108859 > /dev/null; truncate -s -50 small.txt; od -A d -c; } < /dev/tcp/127.0.0.1/$port"
kill -KILL "$server"
ended queued 3>/dev/null
