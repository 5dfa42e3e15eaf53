#!/usr/bin/env bash
# What stage 04 changes: the size goes first.
source "$SESSIONS/lib.sh"
part files
run 'diff -rq --exclude=stage.toml --exclude=tests stages/03_waitall stages/04_progress'
part number
run "sed -n '/^void send_number/,\$p' stages/04_progress/train.cpp"
part receive
run 'diff stages/0[34]_*/receive_file.cpp'
