#!/usr/bin/env bash
# Stage 01: the two functions of the reference that the page shows.
source "$SESSIONS/lib.sh"
run "sed -n '/^\\/\\/\\/ The one rule/,/^}/p' stages/01_small_file/pool.cpp"
part worker
run "sed -n '/while (Descriptor/,/^    }/p' stages/01_small_file/worker.cpp"
