// What the command lines of both programs have in common.
#pragma once

enum { SETTINGS_MAX = 4 };

// An option --NAME=NUMBER.
struct setting {
  const char* name;  // NULL: the end of a list of settings
  unsigned lowest;
  unsigned highest;
  unsigned* value;
};

// Takes the settings, and the operands: at least `fewest`, at most `most`. Handles --help. Ends the program if it finds
// anything else.
char** operands(int argc, char* argv[], const struct setting settings[], int fewest, int most,
                const char* usage);

// Reads a plain decimal number. Ends the program, with the usage, if it is not one from `lowest` to `highest`.
unsigned number(const char* name, const char* text, unsigned lowest, unsigned highest, const char* usage);
