#!/usr/bin/env bash
# A client that believes every head: recv's bound is all that protects what lies behind the buffer.
# needs: gdb
source "$SESSIONS/lib.sh"

run 'seq 1 1000 > numbers.txt'
run 'g++ -g -o overrun overrun.cpp'
serve server '02/server 127.0.0.1 0 1 numbers.txt'
relay proxy "./play proxy $port --cut 1495"
run "./overrun $through; echo \"status \$?\""

part gdb
relay other "./play proxy $port --cut 1495"
debug gdb stage-02-overrun.gdb "--args ./overrun $through"
ended gdb
finish server proxy other
