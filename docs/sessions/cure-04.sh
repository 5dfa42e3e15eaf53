#!/usr/bin/env bash
# What stage 05 changes: what is small waits for what is large.
source "$SESSIONS/lib.sh"
part cork
run "sed -n '/^bool listens/,/^}/p' stages/05_zero_copy/plumbing/network.cpp"
