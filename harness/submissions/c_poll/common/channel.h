// The channel between the parent and one worker: a SOCK_SEQPACKET pair. One packet is one message, never a part of it.
#pragma once

#include <stdbool.h>

// The parent's end is ends[0]. False if there are no descriptors left, or no memory.
bool open_channel(int ends[2]);

// The parent's side: passes a connection, which stays open here as well. False if the worker is dead.
bool pass_connection(int channel, int connection);

// The parent's side: whether a worker has said that it is idle. False at the end of the channel: it is dead, or dying.
bool hear_idle(int channel);

// The worker's side. False if nobody is there to hear it.
bool say_idle(int channel);

// The worker's side: waits for a connection; -1 if it was lost on the way, for want of a descriptor.
// False if there will be no more.
bool await_connection(int channel, int* connection);
