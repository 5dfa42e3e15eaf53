// One process of the pool.
#pragma once

// Serves the connections that come over the channel, one at a time, until there will be no more; then ends the process.
_Noreturn void run_worker(int channel, const char* file);
