// For how long the server waits for clients, in seconds: from its command line.
#pragma once

extern unsigned drain_timeout;  // for all of them, once it is told to leave
extern unsigned stall_timeout;  // for one that takes not one byte
