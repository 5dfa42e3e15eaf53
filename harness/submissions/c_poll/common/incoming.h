// The file that is being received: it has a name of its own until it is complete, and goes if it never will be.
#pragma once

#include <stddef.h>

// All of them end the program if they fail.
void open_incoming(int directory);
void write_incoming(const unsigned char* bytes, size_t size);
void complete_incoming(const char* name);
