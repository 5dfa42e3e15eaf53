#!/usr/bin/env bash
# A port that is in use: who has it, and how to get it back.
source "$SESSIONS/lib.sh"

serve server "01/server 127.0.0.1 0 1 hello.txt"
run "01/server 127.0.0.1 $port 1 hello.txt"
run "ss -tlnp 'sport = :$port'"
run "kill $server"
ended server
run "ss -tlnp 'sport = :$port'"
