#include "command_line.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "report.h"

enum { STATUS_USAGE = 2 };

static _Noreturn void end_with_usage(const char* usage) {
  fputs(usage, stderr);
  exit(STATUS_USAGE);
}

char** operands(int argc, char* argv[], int fewest, int most, const char* usage) {
  static const struct option known[] = {{"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
  opterr = 0;  // our own words
  switch (getopt_long(argc, argv, "", known, NULL)) {
    case -1:
      break;
    case 'h':
      fputs(usage, stdout);
      exit(EXIT_SUCCESS);
    default:
      if (optopt != 0)
        complain("unknown option -%c", optopt);
      else
        complain("unknown option %s", argv[optind - 1]);
      end_with_usage(usage);
  }
  const int count = argc - optind;
  if (count < fewest || count > most) {
    complain("too %s operands", count < fewest ? "few" : "many");
    end_with_usage(usage);
  }
  return argv + optind;
}

unsigned number(const char* name, const char* text, unsigned lowest, unsigned highest, const char* usage) {
  unsigned value = 0;
  const char* digit = text;
  while (*digit >= '0' && *digit <= '9' && value <= highest) value = 10 * value + (unsigned)(*digit++ - '0');
  if (digit == text || *digit != '\0' || value < lowest || value > highest) {
    complain("%s must be a number from %u to %u, not '%s'", name, lowest, highest, text);
    end_with_usage(usage);
  }
  return value;
}
