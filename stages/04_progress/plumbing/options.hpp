// options.hpp: what the two programs can be told.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>

struct ServerOptions {
  std::string host;  // name or address to listen on
  std::string port;  // "0" to "65535"; "0" asks the kernel for a free one
  std::size_t workers = 1;  // 1 to 512
  std::filesystem::path file;  // what every client gets
};

struct ClientOptions {
  std::string host;
  std::string port;  // "1" to "65535"
  std::filesystem::path directory;  // where the file is saved
};

extern const std::string server_usage;
extern const std::string client_usage;

/// Both throw UsageError.
ServerOptions parse_server_options(int argc, char* argv[]);
ClientOptions parse_client_options(int argc, char* argv[]);
