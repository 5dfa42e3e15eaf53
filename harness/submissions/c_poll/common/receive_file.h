// Takes the stream of the stage apart, and saves what it carries.
#pragma once

#include <stdint.h>

#include "wire.h"

// Saves the file in a directory, under the name that came with it. Returns its size. Ends the program if it can't.
uint64_t receive_file(int connection, int directory, char name[BODY_MAX + 1]);
