#!/usr/bin/env bash
# How the reference of stage 04 is written.
source "$SESSIONS/lib.sh"
part number
run "sed -n '/^void send_number/,\$p' stages/04_progress/train.cpp"
part send
run "sed -n '/^void send_file/,\$p' stages/04_progress/send_file.cpp"
part receive
run "sed -n '/^Received receive_file/,\$p' stages/04_progress/receive_file.cpp"
part percentage
run "sed -n '/^\\/\\/\\/ 0 to 100/,/^}/p' stages/04_progress/plumbing/progress.cpp"
part draw
run "sed -n '/^Progress::Progress/,\$p' stages/04_progress/plumbing/progress.cpp"
