#!/usr/bin/env bash
# Stage 03: SIGPIPE as it is, ignored, and blocked; and what a program inherits of it.
source "$SESSIONS/lib.sh"

run 'yes | head -n 1 > /dev/null; echo ${PIPESTATUS[0]}'
part ignored
run 'env --ignore-signal=PIPE yes | head -n 1 > /dev/null; echo ${PIPESTATUS[0]}'
part blocked
run 'env --block-signal=PIPE yes | head -n 1 > /dev/null; echo ${PIPESTATUS[0]}'
part pending
run "cat > pending.py <<'END'
import os, signal

signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # Python starts with SIG_IGN
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGPIPE])
reader, writer = os.pipe()
os.close(reader)
try:
    os.write(writer, b'x')
except BrokenPipeError as error:
    pending = [each.name for each in signal.sigpending()]
    print(error.strerror, '- pending:', pending, flush=True)
signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGPIPE])
print('never comes here')
END"
run 'python3 pending.py; echo "status $?"'
part inherited
run "env --ignore-signal=PIPE --block-signal=USR1 grep -E 'Sig(Blk|Ign)' /proc/self/status"
