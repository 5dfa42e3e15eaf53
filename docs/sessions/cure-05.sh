#!/usr/bin/env bash
# What stage 06 changes: the pool learns to leave.
source "$SESSIONS/lib.sh"
part files
run 'diff -rq --exclude=stage.toml --exclude=tests stages/05_zero_copy stages/06_graceful_exit'
part signals
run "sed -n '/^void block_signals/,/^}/p;/^\\/\\/\\/ SIGTERM asks/,/^}/p' stages/06_graceful_exit/pool.cpp"
part leave
run "sed -n '/^\\/\\/\\/ Graceful exit/,/^}/p;/^\\/\\/\\/ Ordered exit/,/^}/p' stages/06_graceful_exit/pool.cpp"
part worker
run "sed -n '/^  if (pid == 0) {/,/^  }/p' stages/06_graceful_exit/pool.cpp"
