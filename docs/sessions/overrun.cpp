// overrun.cpp: a client that believes every head: the length on the wire is the length that it gives to recv.
//
//   overrun PORT
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>

struct {
  std::uint32_t length;
  char body[1000];
  int number;  // lies behind the body
} train;

// Puts one train into a buffer of 1000 bytes, whatever its head says. Returns its length; 0 at the end, too.
std::uint32_t receive_train(int connection, int number) {
  train.number = number;
  if (recv(connection, &train.length, 4, 0) != 4) return 0;
  train.length = ntohl(train.length);
  const ssize_t got = train.length == 0 ? 0 : recv(connection, train.body, train.length, 0);
  std::printf("train %d: %u bytes announced, %zd came\n", train.number, train.length, got);
  return train.length;
}

int main(int, char* argv[]) {
  std::setbuf(stdout, nullptr);
  const int connection = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in server{};
  server.sin_family = AF_INET;
  server.sin_port = htons(static_cast<std::uint16_t>(std::atoi(argv[1])));
  server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(connection, reinterpret_cast<sockaddr*>(&server), sizeof server) == -1) return 1;
  for (int number = 1; receive_train(connection, number) != 0;) ++number;
}
