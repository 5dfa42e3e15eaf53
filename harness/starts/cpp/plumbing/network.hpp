// network.hpp: a socket that listens, a socket that is connected.
#pragma once

#include <string>

#include "plumbing/system.hpp"

/// A listening TCP socket. Throws with host, port and cause.
Descriptor listen_on(const std::string& host, const std::string& port);

/// The address that `socket` is bound to, as "127.0.0.1:41233" or "[::1]:41233".
std::string local_address(int socket);

/// A connected TCP socket. Throws with host, port and cause.
Descriptor connect_to(const std::string& host, const std::string& port);
