#!/usr/bin/env bash
# Stage 02: the second body comes in two pieces. One recv takes the first, and the rest is read as a length.
source "$SESSIONS/lib.sh"

run 'rm -rf fresh; mkdir fresh'
run 'seq 1 1000 > numbers.txt'
serve server '02/server 127.0.0.1 0 1 numbers.txt'
relay proxy "./play proxy $port --cut 1495"
run "02/client 127.0.0.1 $through fresh; echo \"status \$?\""
run 'ls -A fresh'

part length
run 'printf "%08x\n" 859387402'
run 'od -A d -t x1z -j 1464 -N 16 numbers.txt'
finish server proxy
