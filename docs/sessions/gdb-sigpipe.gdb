set args 127.0.0.1 0 1 numbers.txt
set follow-fork-mode child
run
backtrace
up 3
print size
info signals SIGPIPE
continue
