#!/usr/bin/env bash
# What stage 05 changes: the content leaves the trains, and workers take the next client by themselves.
source "$SESSIONS/lib.sh"
part files
run 'diff -rq --exclude=stage.toml --exclude=tests stages/04_progress stages/05_zero_copy'
part send
run 'diff stages/0[45]_*/send_file.cpp'
part interest
run "sed -n '/^\/\/\/ The one rule/,/^}/p' stages/05_zero_copy/pool.cpp"
part sendfile
run "sed -n '/^void send_by_sendfile/,/^}/p' stages/05_zero_copy/send_content.cpp"
part cork
run "sed -n '/^bool listens/,/^}/p' stages/05_zero_copy/plumbing/network.cpp"
