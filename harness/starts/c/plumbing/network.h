// network.h: a socket that listens, a socket that is connected. Where there can be none, the program ends.
#pragma once

enum { ADDRESS_MAX = 128 };  // room for an address as text

// A TCP socket that listens.
int listen_on(const char* host, const char* port);

// Writes the address that a socket is bound to, "127.0.0.1:41233" or "[::1]:41233", and returns it.
const char* local_address(int socket, char text[ADDRESS_MAX]);

// A TCP socket that is connected.
int connect_to(const char* host, const char* port);
