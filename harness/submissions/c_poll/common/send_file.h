// What a client gets: the name and the content of the file, in the format of the stage.
#pragma once

#include <stdbool.h>
#include <stdint.h>

// Opens the file, if it is one that can be sent; else says why not, and returns -1.
int open_file(const char* path, uint64_t* size);

// Makes one transfer. What keeps it from its end is said, and is no reason to end anything else.
void send_file(int connection, const char* path);
