#!/usr/bin/env bash
# One call moves at most 0x7ffff000 bytes, whichever it is.
# needs: g++
source "$SESSIONS/lib.sh"

run 'g++ -std=c++20 -o one_call one_call.cpp'
run './one_call'
run 'printf "%d\n" 0x7ffff000'
