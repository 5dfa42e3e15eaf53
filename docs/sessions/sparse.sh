#!/usr/bin/env bash
# Stage 05: a sparse file of 3 GiB, in two sendfile.
# needs: strace
source "$SESSIONS/lib.sh"

run 'truncate -s 3G sparse; du sparse'
serve server 'strace -ff -qq -o trace -e trace=sendfile 05/server 127.0.0.1 0 1 sparse'
run "cat < /dev/tcp/127.0.0.1/$port | wc -c"
run 'cat trace.* | grep sendfile'
kill -KILL "$server"
ended server 3>/dev/null
