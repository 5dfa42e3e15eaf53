// channel_test.cpp: descriptors that travel over the channel.
#include "channel.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>

#include "support.hpp"

namespace {

TEST(Channel, ThePassedDescriptorIsTheSameOpenFile) {
  const Channel channel = make_channel();
  const TemporaryDirectory directory;
  write_file(directory.path() / "f", "abc");
  const Descriptor file{check("open", ::open((directory.path() / "f").c_str(), O_RDONLY | O_CLOEXEC))};
  send_descriptor(channel.parent_end.get(), file.get());
  const Descriptor passed = receive_descriptor(channel.worker_end.get());
  EXPECT_NE(passed.get(), file.get());
  EXPECT_EQ(::lseek(passed.get(), 2, SEEK_SET), 2);
  EXPECT_EQ(::lseek(file.get(), 0, SEEK_CUR), 2);  // one open file description, one offset
}

TEST(Channel, ThePassedDescriptorOutlivesTheSendersOwn) {
  const Channel channel = make_channel();
  SocketPair connection = tcp_pair();
  send_descriptor(channel.parent_end.get(), connection.left.get());
  connection.left.close();
  const Descriptor passed = receive_descriptor(channel.worker_end.get());
  put(passed.get(), "still here");
  EXPECT_EQ(take(connection.right.get(), 10), "still here");
}

TEST(Channel, TheConnectionEndsWithTheLastCopy) {
  const Channel channel = make_channel();
  SocketPair connection = tcp_pair();
  send_descriptor(channel.parent_end.get(), connection.left.get());
  Descriptor passed = receive_descriptor(channel.worker_end.get());
  connection.left.close();
  passed.close();
  EXPECT_EQ(take(connection.right.get()), "");
}

TEST(Channel, DescriptorsComeOneByOneAndInOrder) {
  const Channel channel = make_channel();
  const SocketPair first = unix_pair();
  const SocketPair second = unix_pair();
  send_descriptor(channel.parent_end.get(), first.left.get());
  send_descriptor(channel.parent_end.get(), second.left.get());
  put(receive_descriptor(channel.worker_end.get()).get(), "1");
  put(receive_descriptor(channel.worker_end.get()).get(), "2");
  EXPECT_EQ(take(first.right.get(), 1), "1");
  EXPECT_EQ(take(second.right.get(), 1), "2");
}

TEST(Channel, ThePassedDescriptorIsClosedOnExec) {
  const Channel channel = make_channel();
  send_descriptor(channel.parent_end.get(), STDERR_FILENO);
  EXPECT_EQ(::fcntl(receive_descriptor(channel.worker_end.get()).get(), F_GETFD), FD_CLOEXEC);
}

TEST(Channel, ItsOwnEndsAreClosedOnExec) {
  const Channel channel = make_channel();
  EXPECT_EQ(::fcntl(channel.parent_end.get(), F_GETFD), FD_CLOEXEC);
  EXPECT_EQ(::fcntl(channel.worker_end.get(), F_GETFD), FD_CLOEXEC);
}

TEST(Channel, TheEndOfTheStreamIsAnEmptyDescriptor) {
  Channel channel = make_channel();
  channel.parent_end.close();
  EXPECT_FALSE(receive_descriptor(channel.worker_end.get()));
}

TEST(Channel, WhatWasPassedBeforeTheEndStillArrives) {
  Channel channel = make_channel();
  send_descriptor(channel.parent_end.get(), STDERR_FILENO);
  channel.parent_end.close();
  EXPECT_TRUE(receive_descriptor(channel.worker_end.get()));
  EXPECT_FALSE(receive_descriptor(channel.worker_end.get()));
}

TEST(Channel, AMessageWithoutADescriptorIsAnError) {
  const Channel channel = make_channel();
  put(channel.parent_end.get(), "x");
  EXPECT_THROW(receive_descriptor(channel.worker_end.get()), std::runtime_error);
}

TEST(Channel, ADescriptorThatTheReceiverHasNoRoomForIsAnError) {
  const Channel channel = make_channel();
  send_descriptor(channel.parent_end.get(), STDERR_FILENO);
  const Limit no_more(RLIMIT_NOFILE, 0);
  EXPECT_THROW(receive_descriptor(channel.worker_end.get()), std::runtime_error);
}

TEST(Channel, ADescriptorThatIsNotOpenCannotBePassed) {
  const Channel channel = make_channel();
  EXPECT_EQ(message_of([&] { send_descriptor(channel.parent_end.get(), -1); }),
            "sendmsg: Bad file descriptor");
}

TEST(Channel, SendingWhereNobodyReadsIsAnErrorWhereSigpipeIsIgnored) {
  const Ignored sigpipe(SIGPIPE);
  Channel channel = make_channel();
  channel.worker_end.close();
  EXPECT_EQ(message_of([&] { send_descriptor(channel.parent_end.get(), STDERR_FILENO); }),
            "sendmsg: Broken pipe");
}

TEST(Channel, AFullChannelSaysSoAndTakesTheNextWhenThereIsRoom) {
  const Channel channel = make_channel();
  int passed = 0;
  while (send_descriptor(channel.parent_end.get(), STDERR_FILENO)) ++passed;
  EXPECT_GT(passed, 1);
  EXPECT_TRUE(receive_descriptor(channel.worker_end.get()));
  EXPECT_TRUE(send_descriptor(channel.parent_end.get(), STDERR_FILENO));
}

TEST(Channel, BehindAShutdownComesWhatIsLeftAndThenTheEndThoughBothEndsAreOpen) {
  const Channel channel = make_channel();
  send_descriptor(channel.parent_end.get(), STDERR_FILENO);
  end_stream(channel.parent_end.get());
  EXPECT_TRUE(receive_descriptor(channel.worker_end.get()));
  EXPECT_FALSE(receive_descriptor(channel.worker_end.get()));
}

}  // namespace
