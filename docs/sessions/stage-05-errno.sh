#!/usr/bin/env bash
# Stage 05: the client resets the connection. sendfile and send from a mapping give two names to the same error.
# needs: strace
source "$SESSIONS/lib.sh"

vary '= (\d{6,7})$' 2621440
vary 'sendfile\(3, 4, NULL, (\d{7,8})\) += -1' 12267456
vary 'sendto\(3, .*, (\d{7,8}), 0, .*= -1' 12263424
vary 'sendto\(3, "(.*?)"\.\.\., \d+, 0, .*= -1' 4263
for way in sendfile mmap; do
  part "$way"
  run 'seq 1 2000000 > numbers.txt'
  serve "$way" "strace -ff -qq -s 4 -o $way -e trace=sendto,sendfile -e signal=SIGPIPE 05/server --send=$way 127.0.0.1 0 1 numbers.txt"
  run "./play client $port --read 100000 --then reset"
  said "$way" worker
  run "cat $way.* | grep '(3, \\|SIGPIPE' | tail -n +3 | sed 's/ {.*//'"
  kill -KILL "$server"
  ended "$way" 3>/dev/null
done
