#!/usr/bin/env bash
# Stage 05's own code: loops around sendfile and splice, a mapping less its last page, a cork, one channel for all.
source "$SESSIONS/lib.sh"
part sendfile
run "sed -n '/^std::size_t more_than_none/,/^}/p;/^void send_by_sendfile/,/^}/p' stages/05_zero_copy/send_content.cpp"
part mmap
run "sed -n '/^void send_by_mmap/,/^}/p' stages/05_zero_copy/send_content.cpp"
part receive
run "sed -n '/^void receive_by_splice/,/^}/p' stages/05_zero_copy/receive_content.cpp"
part cork
run "sed -n '/^bool listens/,/^}/p' stages/05_zero_copy/plumbing/network.cpp"
part interest
run "sed -n '/^\\/\\/\\/ The one rule/,/^}/p;/^\\/\\/\\/ Reaps/,/^}/p' stages/05_zero_copy/pool.cpp"
