// send_file.hpp: what the server puts on the wire.
#pragma once

#include "plumbing/options.hpp"

/// Throws, with the file's name and the cause, where the file can't be served: before the server listens.
void check_file(const std::filesystem::path& file);

/// Sends the file's name and content over `connection`. The file is opened anew for each transfer.
void send_file(int connection, const ServerOptions& options);
