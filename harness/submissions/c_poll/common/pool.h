// The parent: accepts clients, hands them to workers, and keeps the pool complete until it is told to leave.
#pragma once

#include <stddef.h>

enum { WORKERS_MAX = 512 };

// Blocks the signals that the pool reads from a descriptor, so that none is lost; to be called before all else.
void prepare_signals(void);

// Runs the pool to its end, and returns the exit status of the program.
int run_pool(int listener, size_t workers, const char* file);
