// output.hpp: what the two programs say. Whoever should read it may be gone, or asleep: write(2) then raises a
// signal, or waits for ever. Neither must reach the program.
#pragma once

#include <string>

/// One line on standard output, written at once. Returns false, with errno set, where it can't be written.
bool print_line(const std::string& line);

/// One line on standard error, in one write(2): lines of several processes don't mix. Waits until it is taken.
void report(const std::string& message);

/// The same for a server that goes on: it neither waits nor fails. A line for which there is no room is lost, and
/// of a longer one than PIPE_BUF (4096 bytes) the end.
void log(const std::string& message);
