// start.hpp: what a program may find around it when it starts.
#pragma once

/// To be called before all else. A program inherits much from whoever starts it (execve(2)), and may be started badly:
///
/// - with standard input, output or error closed (`2>&-`). The next socket would get that number, and the next line of
///   the log would go to the client. A place-holder fills the gap; to read or write it fails with EBADF.
/// - with signals blocked, or SIGCHLD or SIGPIPE ignored, as some parents leave them: nobody would hear of dead
///   workers. They get their default. What `nohup` or a shell's `&` ignores (SIGHUP, SIGINT, SIGQUIT) is left as it is.
///
/// Throws std::system_error.
void start_program();
