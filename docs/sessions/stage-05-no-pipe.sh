#!/usr/bin/env bash
# splice without a pipe.
source "$SESSIONS/lib.sh"

run 'seq 1 2000 > small.txt'
run "python3 -c 'import os, socket
file, (ours, theirs) = open(\"small.txt\"), socket.socketpair()
os.splice(file.fileno(), ours.fileno(), 1000)' 2>&1 | tail -n 1"
