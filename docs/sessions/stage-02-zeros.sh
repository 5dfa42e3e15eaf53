#!/usr/bin/env bash
# Stage 02: the same cut in a file of zeros. The shifted length reads 0, the end: success, and almost nothing received.
source "$SESSIONS/lib.sh"

quietly mkdir received
run 'truncate -s 100M zeros'
serve server '02/server 127.0.0.1 0 1 zeros'
relay proxy "./play proxy $port --cut 1489"
run "02/client 127.0.0.1 $through received; echo \"status \$?\""
run "stat -c '%s %n' zeros received/zeros"
finish server proxy
