#!/usr/bin/env bash
# sendfile maps nothing: the worker's address space and its page faults, in the middle of a transfer and after it.
source "$SESSIONS/lib.sh"

vary 'awk .*\n(\d\d\d+)$' 228
vary 'awk .*\n(\d|1\d)$' 2
for way in mmap sendfile; do
  part "$way"
  if [[ $way == mmap ]]; then run 'seq 1 2000000 > numbers.txt'; fi
  serve "$way" "05/server --send=$way 127.0.0.1 0 1 numbers.txt"
  worker=${workers[0]}
  run "pgrep -P $server"
  bg "$way-client" "./play client $port --read 100000 --then stall"
  said "$way-client" stall
  name_pid "${pid_of[$way-client]}"
  run "grep -c numbers.txt /proc/$worker/maps"
  part "$way-faults"
  run "kill -USR1 ${pid_of[$way-client]}  # the client reads on"
  ended "$way-client"
  until_true "the worker waits for the next client" in_state "$worker" S
  before=$(awk '{print $10}' "/proc/$worker/stat")
  printf '$ before=$(awk '\''{print $10}'\'' /proc/%s/stat)\n' "$worker" >&3
  run "cat < /dev/tcp/127.0.0.1/$port > /dev/null"
  until_true "the worker waits for the next client" in_state "$worker" S
  before=$before run "awk -v before=\$before '{print \$10 - before}' /proc/$worker/stat"
  finish "$way"
done
