break send_file
continue
backtrace 2
detach
