#!/usr/bin/env bash
# How the reference of stage 03 is written.
source "$SESSIONS/lib.sh"
part train
run "sed -n '/^void send_exactly/,/^void receive_waitall/p' stages/03_waitall/train.cpp | head -n 16"
part server
run 'diff stages/0[23]_*/server.cpp'
part hear
run "sed -n '/^\\/\\/\\/ A worker has something to say/,/^}/p;/^\\/\\/\\/ Reaps/,/^}/p' stages/03_waitall/pool.cpp"
part hand-over
run "sed -n '/^void Pool::hand_over_next_client/,/^}/p' stages/03_waitall/pool.cpp"
part start
run "sed -n '/^void Pool::start/,/^}/p' stages/03_waitall/pool.cpp"
