#!/usr/bin/env bash
# Stage 05: a client that receives into a mapping of the new file.
# needs: strace
source "$SESSIONS/lib.sh"

quietly mkdir received
vary '= (0x\w+)$' 0x7ffff7a31000
vary '^munmap\((0x\w+),' 0x7ffff7a31000
vary '= (\d{5,6})$' 113125
run 'seq 1 200000 > numbers.txt'
serve server '05/server 127.0.0.1 0 1 numbers.txt'
run "strace -qq -s 4 -o client -e trace=fallocate,mmap,recvfrom,munmap 05/client --receive=mmap 127.0.0.1 $port received"
run "sed -n '/^fallocate/,+2p; \$p' client"
run 'cmp numbers.txt received/numbers.txt && echo the same'
finish server
