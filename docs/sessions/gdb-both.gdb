set args 127.0.0.1 0 1 hello.txt
set detach-on-fork off
set schedule-multiple on
break send_descriptor
break worker.cpp:serve
run
info inferiors
print fd
python import os; print(os.readlink(f"/proc/{gdb.selected_inferior().pid}/fd/6"))
continue
info inferiors
print connection
python import os; print(os.readlink(f"/proc/{gdb.selected_inferior().pid}/fd/3"))
kill inferiors 1 2
