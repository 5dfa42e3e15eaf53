#!/usr/bin/env bash
# MSG_ZEROCOPY over loopback is copied after all, and says so.
# needs: g++
source "$SESSIONS/lib.sh"

run 'g++ -std=c++20 -o zerocopy zerocopy.cpp'
run './zerocopy'
