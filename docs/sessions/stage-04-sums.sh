#!/usr/bin/env bash
# Stage 04: the same file on both sides? Sums, made on one side and checked on the other.
source "$SESSIONS/lib.sh"

quietly mkdir received
run 'seq 1 2000000 > numbers.txt'
serve server '04/server 127.0.0.1 0 1 numbers.txt'
run "04/client 127.0.0.1 $port received"
run 'md5sum numbers.txt received/numbers.txt'
part check
run 'sha256sum numbers.txt > SUMS  # on the machine of the server'
run '(cd received && sha256sum -c ../SUMS)  # on that of the client, who has got SUMS in another way'
part one-byte
run "printf 7 | dd of=received/numbers.txt bs=1 seek=1000000 conv=notrunc status=none"
run "stat -c '%s %n' numbers.txt received/numbers.txt"
run '(cd received && sha256sum -c ../SUMS)'
finish server
