// worker.hpp: the life of a process of the pool.
#pragma once

#include <string>

#include "system.hpp"

// Says that it is idle, takes a connection, serves it, and again, until the parent has no more for it.
// `idle` is a pipe that all workers share: what goes through it is the pid of the writer.
void work(const Fd& channel, const Fd& idle, const std::string& path);
