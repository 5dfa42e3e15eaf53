// command_line.h: the words of a command line, and the numbers among them.
#pragma once

// The operands: `least` to `most` of them, and a NULL behind the last one. There are no options yet. Whoever types
// anything else is told the usage, and the program ends with status 2.
char** parse_operands(int argc, char* argv[], int least, int most, const char* usage);

// A plain decimal number from `least` to `most`, with nothing before or after it; else the same.
unsigned parse_number(const char* what, const char* text, unsigned least, unsigned most, const char* usage);
