// cork_test.cpp: what accepted sockets inherit from the one that listens, and what a corked socket does.
#include <gtest/gtest.h>
#include <linux/tcp.h>  // of the kernel: its tcp_info is longer than that of the library
#include <netinet/in.h>

#include <chrono>

#include "support.hpp"

namespace {

int option(int socket, int name) {
  int value = 0;
  socklen_t size = sizeof value;
  check("getsockopt", ::getsockopt(socket, IPPROTO_TCP, name, &value, &size));
  return value;
}

tcp_info info_of(int socket) {
  tcp_info info{};
  socklen_t size = sizeof info;
  check("getsockopt TCP_INFO", ::getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &size));
  return info;
}

TEST(Cork, AnAcceptedSocketInheritsIt) {
  const SocketPair pair = tcp_pair();  // right was accepted
  EXPECT_EQ(option(pair.right.get(), TCP_CORK), 1);
  EXPECT_EQ(option(pair.left.get(), TCP_CORK), 0);
}

/// Three little sends and a close; how long they took together.
std::chrono::steady_clock::duration send_and_close(Descriptor& connection) {
  const auto begin = std::chrono::steady_clock::now();
  for (const char* bytes : {"name", "size", "content"}) put(connection.get(), bytes);
  connection.close();
  return std::chrono::steady_clock::now() - begin;
}

TEST(Cork, LittleSendsLeaveInOnePacketWithTheEnd) {
  SocketPair pair = tcp_pair();
  // The cork holds for 200 ms (tcp(7)): where the machine let us wait for longer, nothing can be said.
  while (send_and_close(pair.right) > std::chrono::milliseconds{100}) pair = tcp_pair();
  EXPECT_EQ(take(pair.left.get()), "namesizecontent");
  EXPECT_EQ(info_of(pair.left.get()).tcpi_data_segs_in, 1U);
}

}  // namespace
