#!/usr/bin/env bash
# Stage 02: the file on both sides, byte by byte and by its sums; and what an older, longer one leaves behind.
source "$SESSIONS/lib.sh"

quietly mkdir received
run 'seq 1 1000 > numbers.txt'
serve server '02/server 127.0.0.1 0 1 numbers.txt'
relay proxy "./play proxy $port --cut 15 --cut 1019 --cut 2023 --cut 3027 --cut 3924"
run "02/client 127.0.0.1 $through received"
run 'md5sum numbers.txt received/numbers.txt'
run 'sha256sum numbers.txt received/numbers.txt | cut -c 1-16,65-'
run 'cmp numbers.txt received/numbers.txt && echo the same'
finish server proxy

part tail
run 'echo "older and longer" > saved.txt'
run 'dd if=hello.txt of=saved.txt conv=notrunc status=none; cat saved.txt'
run 'dd if=hello.txt of=saved.txt status=none; cat saved.txt'
