#!/usr/bin/env bash
# What the programs say to a bad command line, a taken port, a file that is missing.
source "$SESSIONS/lib.sh"

quietly eval 'echo "hello, world" > hello.txt'
run '02/server 127.0.0.1 0 0 hello.txt; echo "status $?"'
run '02/server 127.0.0.1 0 1 missing.txt; echo "status $?"'
run '04/server 127.0.0.1 0 1 /proc/cpuinfo; echo "status $?"'
serve server '02/server 127.0.0.1 0 1 hello.txt'
run "02/server 127.0.0.1 $port 1 hello.txt; echo \"status \$?\""
run "02/client 127.0.0.1 $port no/such/folder; echo \"status \$?\""
finish server
