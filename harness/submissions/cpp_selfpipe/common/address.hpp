// address.hpp: from HOST and PORT to a socket that is bound or connected.
#pragma once

#include <string>

#include "signal_pipe.hpp"
#include "system.hpp"

// Bound, but not listening yet. Doesn't block in accept.
Fd bind_to(const std::string& host, unsigned port);

// Connected; doesn't block. A signal ends the waiting.
Fd connect_to(const std::string& host, unsigned port, SignalPipe& signals);

// The address that a socket is bound to: "127.0.0.1:41233", "[::1]:41233".
std::string local_address(const Fd& socket);
