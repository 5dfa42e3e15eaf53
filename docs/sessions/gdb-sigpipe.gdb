set args 127.0.0.1 0 1 numbers.txt
set follow-fork-mode child
run
backtrace
frame $frame_of("send_file")
print size
info signals SIGPIPE
continue
