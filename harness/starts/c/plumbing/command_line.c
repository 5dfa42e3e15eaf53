// command_line.c: not with strtoul(3), which takes signs, blanks and numbers without end.
#include "plumbing/command_line.h"

#include <stdio.h>
#include <stdlib.h>

#include "plumbing/report.h"

enum { STATUS_USAGE = 2 };

static _Noreturn void refuse(const char* why, const char* word, const char* usage) {
  fprintf(stderr, "%s: %s%s\n%s\n", program_name, why, word, usage);
  exit(STATUS_USAGE);
}

char** parse_operands(int argc, char* argv[], int least, int most, const char* usage) {
  for (int i = 1; i < argc; ++i)
    if (argv[i][0] == '-') refuse("unknown option: ", argv[i], usage);
  if (argc - 1 < least) refuse("too few arguments", "", usage);
  if (argc - 1 > most) refuse("too many arguments: ", argv[most + 1], usage);
  return argv + 1;
}

unsigned parse_number(const char* what, const char* text, unsigned least, unsigned most, const char* usage) {
  unsigned value = 0;
  const char* digit = text;
  while (*digit >= '0' && *digit <= '9' && value <= most) value = 10 * value + (unsigned)(*digit++ - '0');
  if (digit == text || *digit != '\0' || value < least || value > most) {
    fprintf(stderr, "%s: %s must be a number from %u to %u, not '%s'\n%s\n", program_name, what, least, most,
            text, usage);
    exit(STATUS_USAGE);
  }
  return value;
}
