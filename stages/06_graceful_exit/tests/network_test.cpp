// network_test.cpp: sockets that listen and sockets that connect, on 127.0.0.1 and ports that the kernel chooses.
#include "plumbing/network.hpp"

#include <gtest/gtest.h>
#include <netinet/in.h>

#include "support.hpp"

namespace {

/// Bound and not listening: its port is nobody else's, but listen_on may share it.
Descriptor bound_socket() {
  Descriptor socket{check("socket", ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0))};
  const int on = 1;
  check("SO_REUSEADDR", ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  check("bind", ::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address));
  return socket;
}

const std::string nobody(300, 'x');  // a name too long to be asked of any name server

TEST(Network, WhatIsSentOnOneEndArrivesAtTheOther) {
  const SocketPair pair = tcp_pair();
  put(pair.left.get(), "ping");
  EXPECT_EQ(take(pair.right.get(), 4), "ping");
}

TEST(Network, PortZeroAsksForAFreePort) {
  const Descriptor first = listen_on("127.0.0.1", "0");
  const Descriptor second = listen_on("127.0.0.1", "0");
  EXPECT_EQ(local_address(first.get()).substr(0, 10), "127.0.0.1:");
  EXPECT_NE(port_of(first.get()), "0");
  EXPECT_NE(port_of(first.get()), port_of(second.get()));
}

TEST(Network, AnIPv6AddressIsWrittenInBrackets) {
  try {
    const Descriptor listener = listen_on("::1", "0");
    EXPECT_EQ(local_address(listener.get()).substr(0, 6), "[::1]:");
  } catch (const std::exception& error) {
    GTEST_SKIP() << "no IPv6 here: " << error.what();
  }
}

TEST(Network, AListenerWithoutAClientDoesNotBlock) {
  const Descriptor listener = listen_on("127.0.0.1", "0");
  EXPECT_EQ(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC), -1);
  EXPECT_EQ(errno, EAGAIN);
}

TEST(Network, SocketsAreClosedOnExec) {
  const Descriptor listener = listen_on("127.0.0.1", "0");
  const Descriptor connection = connect_to("127.0.0.1", port_of(listener.get()));
  EXPECT_EQ(::fcntl(listener.get(), F_GETFD), FD_CLOEXEC);
  EXPECT_EQ(::fcntl(connection.get(), F_GETFD), FD_CLOEXEC);
}

TEST(Network, ATakenPortIsNamedWithTheCause) {
  const Descriptor listener = listen_on("127.0.0.1", "0");
  const std::string port = port_of(listener.get());
  EXPECT_EQ(message_of([&] { listen_on("127.0.0.1", port); }),
            "listen on 127.0.0.1:" + port + ": Address already in use");
}

TEST(Network, APortIsFreeAgainWhileItsConnectionsRestInTimeWait) {
  const Descriptor bound = bound_socket();
  const std::string port = port_of(bound.get());
  Descriptor listener = listen_on("127.0.0.1", port);
  {
    const Descriptor client = connect_to("127.0.0.1", port);
    accept_from(listener).close();  // who closes first has the TIME_WAIT
    take(client.get());
  }
  listener.close();
  EXPECT_NO_THROW(listen_on("127.0.0.1", port));
}

TEST(Network, APortWithoutAListenerRefusesAndIsNamed) {
  const Descriptor bound = bound_socket();
  const std::string port = port_of(bound.get());
  EXPECT_EQ(message_of([&] { connect_to("127.0.0.1", port); }),
            "connect to 127.0.0.1:" + port + ": Connection refused");
}

TEST(Network, AHostThatDoesNotResolveIsNamed) {
  EXPECT_NE(message_of([] { listen_on(nobody, "0"); }).find("resolve " + nobody), std::string::npos);
  EXPECT_NE(message_of([] { connect_to(nobody, "1"); }).find("resolve " + nobody), std::string::npos);
}

}  // namespace
