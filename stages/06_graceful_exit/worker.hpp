// worker.hpp: a worker's life: take the next connection, send the file, close, and again.
#pragma once

#include "plumbing/options.hpp"
#include "plumbing/system.hpp"

/// Serves connections that come over `channel` until its end: then the parent is leaving, or gone. Never returns.
[[noreturn]] void run_worker(Descriptor channel, const ServerOptions& options);
