#!/usr/bin/env bash
# What stage 02 changes: the format learns to end.
source "$SESSIONS/lib.sh"
part files
run 'diff -rq --exclude=stage.toml --exclude=tests stages/01_small_file stages/02_big_file'
part receive
run 'diff stages/0[12]_*/receive_file.cpp | tail -n 7'
part send
run "sed -n '/^void send_file/,/^}/p' stages/02_big_file/send_file.cpp"
