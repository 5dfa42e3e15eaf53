#!/usr/bin/env bash
# What stage 03 changes: every return value is looked at.
source "$SESSIONS/lib.sh"
part files
run 'diff -rq --exclude=stage.toml --exclude=tests stages/02_big_file stages/03_waitall'
part train
run "sed -n '/^void send_exactly/,/^void receive_waitall/p' stages/03_waitall/train.cpp | head -n 21"
part server
run 'diff stages/0[23]_*/server.cpp'
part pool
run "sed -n '/^\\/\\/\\/ A worker has something to say/,/^}/p;/^\\/\\/\\/ Reaps/,/^}/p' stages/03_waitall/pool.cpp"
