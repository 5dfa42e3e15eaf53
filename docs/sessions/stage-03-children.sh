#!/usr/bin/env bash
# Stage 03: three children end, and one SIGCHLD comes; and a parent that has inherited an ignored SIGCHLD.
source "$SESSIONS/lib.sh"

run "cat > children.py <<'END'
import os, signal

signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])  # kept back, as while a handler runs
children = [os.fork() or os._exit(0) for _ in range(3)]
for child in children:
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)  # it has ended, and stays a zombie
signals = 0
while signal.sigtimedwait([signal.SIGCHLD], 0):
    signals += 1
print(f'{signals} signal, {len([os.waitpid(child, 0) for child in children])} children')
END"
run 'python3 children.py'
part ignored
run "env --ignore-signal=CHLD python3 -c 'import os; os.waitpid(os.fork() or os._exit(0), 0)' 2>&1 | tail -n 1"
