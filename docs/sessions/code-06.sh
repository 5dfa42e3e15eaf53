#!/usr/bin/env bash
# Stage 06's own code: signals that are read, two exits, a worker that keeps nothing of its parent's, a count of bytes.
source "$SESSIONS/lib.sh"
part signals
run "sed -n '/^void block_signals/,/^}/p;/^\\/\\/\\/ SIGTERM asks/,/^}/p' stages/06_graceful_exit/pool.cpp"
part leave
run "sed -n '/^\\/\\/\\/ Graceful exit/,/^}/p;/^\\/\\/\\/ Ordered exit/,/^}/p;/^\\/\\/\\/ Clients in the/,/^}/p' stages/06_graceful_exit/pool.cpp"
part worker
run "sed -n '/^  if (pid == 0) {/,/^  }/p' stages/06_graceful_exit/pool.cpp"
part stall
run "sed -n '/^void wait_for_room/,/^}/p' stages/06_graceful_exit/stall.cpp"
