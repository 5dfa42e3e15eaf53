// TCP: one end that listens, one that connects.
#pragma once

#include <stdbool.h>

// Listens on the first address of the host that works. Ends the program if none does.
int listen_on(const char* host, const char* port);

// Tells on standard output where a socket listens. False if that fails.
bool tell_address(int listener);

// Connects to the first address of the host that works. Ends the program if none does.
int connect_to(const char* host, const char* port);
