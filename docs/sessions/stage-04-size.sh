#!/usr/bin/env bash
# Stage 04: the size of a 5 GiB file, 8 bytes on the wire, and what 32 bits would have made of it.
source "$SESSIONS/lib.sh"

run 'truncate -s 5G large'
serve server '04/server 127.0.0.1 0 1 large'
run "head -c 21 < /dev/tcp/127.0.0.1/$port | od -A d -t x1z"
run 'printf "%d %d\n" 0x0000000140000000 0x40000000'
finish server
