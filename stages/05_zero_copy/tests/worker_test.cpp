// worker_test.cpp: a worker's life, in a process of its own as it must be: run_worker ends it.
#include "worker.hpp"

#include <gtest/gtest.h>

#include "channel.hpp"
#include "support.hpp"

namespace {

/// What the worker finds on its channel: `connections`, and behind the last one the end of the stream.
void fill(const Channel& channel, std::initializer_list<const Descriptor*> connections) {
  for (const Descriptor* connection : connections)
    send_descriptor(channel.parent_end.get(), connection->get());
  end_stream(channel.parent_end.get());
}

class WorkerDeathTest : public testing::Test {
 protected:
  WorkerDeathTest() {
    write_file(directory_.path() / "f.txt", "hello");
    options_.file = directory_.path() / "f.txt";
  }

  const TemporaryDirectory directory_;
  Channel channel_ = make_channel();
  SocketPair first_ = tcp_pair();
  SocketPair second_ = tcp_pair();
  ServerOptions options_;
};

TEST_F(WorkerDeathTest, AWorkerLeavesAtTheEndOfItsChannel) {
  fill(channel_, {});
  EXPECT_EXIT(run_worker(std::move(channel_.worker_end), options_), testing::ExitedWithCode(0), "^$");
}

TEST_F(WorkerDeathTest, AWorkerServesOneConnectionAfterTheOther) {
  fill(channel_, {&first_.left, &second_.left});
  first_.left.close();
  second_.left.close();
  EXPECT_EXIT(run_worker(std::move(channel_.worker_end), options_), testing::ExitedWithCode(0), "^$");
  const std::string wire = take(first_.right.get());
  EXPECT_NE(wire.find("hello"), std::string::npos);
  EXPECT_EQ(take(second_.right.get()), wire);
}

TEST_F(WorkerDeathTest, AFileThatIsGoneCostsTheConnectionAndNotTheWorker) {
  std::filesystem::remove(options_.file);
  fill(channel_, {&first_.left, &second_.left});
  first_.left.close();
  EXPECT_EXIT(run_worker(std::move(channel_.worker_end), options_), testing::ExitedWithCode(0),
              "^server: worker [0-9]+: .*f.txt: No such file or directory\n"
              "server: worker [0-9]+: .*f.txt: No such file or directory\n$");
  EXPECT_EQ(take(first_.right.get()), "");
}

TEST_F(WorkerDeathTest, AWorkerLeavesWhenItsChannelBreaks) {
  put(channel_.parent_end.get(), "x");
  EXPECT_EXIT(run_worker(std::move(channel_.worker_end), options_), testing::ExitedWithCode(1),
              "^server: worker [0-9]+ leaves: recvmsg: a message without a descriptor\n$");
}

TEST_F(WorkerDeathTest, AWorkerWithoutAParentLeavesAfterTheTransfer) {
  send_descriptor(channel_.parent_end.get(), first_.left.get());
  channel_.parent_end.close();
  first_.left.close();
  EXPECT_EXIT(run_worker(std::move(channel_.worker_end), options_), testing::ExitedWithCode(0), "^$");
  EXPECT_NE(take(first_.right.get()).find("hello"), std::string::npos);
}

}  // namespace
