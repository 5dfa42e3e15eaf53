#!/usr/bin/env bash
# A whole file in one send on one side, and in one recv on the other.
# needs: g++
source "$SESSIONS/lib.sh"

run 'seq 1 2000000 > numbers.txt'
run 'g++ -std=c++20 -o whole_file whole_file.cpp'
run './whole_file numbers.txt copy.txt'
run 'cmp numbers.txt copy.txt && echo the same'
