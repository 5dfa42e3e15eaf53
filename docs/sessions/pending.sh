#!/usr/bin/env bash
# Standard signals that are blocked don't queue; real-time signals do.
# needs: g++
source "$SESSIONS/lib.sh"

run 'g++ -std=c++20 -o pending pending.cpp'
run './pending'
