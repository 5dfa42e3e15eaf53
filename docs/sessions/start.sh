#!/usr/bin/env bash
# From nothing to the first step that passes: what ./lab says on the way.
# needs: git
source "$SESSIONS/lib.sh"

vary '^  read +(.*)$' docs/en/stage-01.md
vary '\(process (\d+)\)' 4711
vary '^..... *\d+ +(\d+\.\d+) s ' 0.000
vary '/harness/(\w+)-release/' d454466f5d
vary '(/tmp/\S+)/hello\.txt' play
vary '127\.0\.0\.1 ([1-9]\d*) ' 41233

ln -s "$(readlink -f "$SESSIONS/../../lab")" lab
run './lab start 1 --in work'
# Where this is run, work/ lies outside of home and clone: check is told that it is one's own.
rm work/lab
printf '#!/bin/sh\nshift\nexec "%s" check --trust "$@"\n' "$(readlink -f lab)" >work/lab
chmod +x work/lab
part check
printf '$ cd work\n' >&3
cd work || exit
run "./lab check | sed '/^  again/,\$d'"
part mend
quietly sed -i 's|^  // TODO step 1: .*|  std::cout << "listening on " << local_address(listener.get()) << std::endl;|' 01_small_file/server.cpp
run './lab check | head -n 4'
