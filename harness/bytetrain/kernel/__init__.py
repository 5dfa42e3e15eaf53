"""What the kernel tells of processes, descriptors, connections and system calls: proc(5), tcp(7), strace(1)."""
