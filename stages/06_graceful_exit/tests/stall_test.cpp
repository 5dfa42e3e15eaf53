// stall_test.cpp: a client that takes nothing is given up by the kernel.
#include "stall.hpp"

#include <gtest/gtest.h>
#include <linux/tcp.h>
#include <netinet/in.h>

#include "support.hpp"

namespace {

TEST(Stall, AnAcceptedSocketInheritsTheTimeout) {
  const Descriptor listener = listen_on("127.0.0.1", "0");
  drop_when_stalled(listener.get(), std::chrono::seconds{86400});
  const Descriptor client = connect_to("127.0.0.1", port_of(listener.get()));
  const Descriptor connection = accept_from(listener);
  unsigned milliseconds = 0;
  socklen_t size = sizeof milliseconds;
  check("getsockopt", ::getsockopt(connection.get(), IPPROTO_TCP, TCP_USER_TIMEOUT, &milliseconds, &size));
  EXPECT_EQ(milliseconds, 86400000U);
}

}  // namespace
