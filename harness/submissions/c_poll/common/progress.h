// The progress of a transfer, as a status line, where standard error is a terminal.
#pragma once

#include <stdint.h>

void begin_progress(uint64_t size);

// Tells how much has come. The line is drawn at most ten times a second, and at the end.
void update_progress(uint64_t received);
