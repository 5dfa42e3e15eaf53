set args 127.0.0.1 0 1 hello.txt
set follow-fork-mode child
break send_file
run
backtrace 4
info inferiors
print connection
next
next
advance report_idle
kill inferiors 2
