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

enum { HELP = 'h', SETTING = 1 << 8 };  // what getopt_long returns: for a setting, its place is added

static _Noreturn void refuse_option(const char* word, const char* usage) {
  if (optopt >= SETTING)
    complain("option %s wants a value: --NAME=NUMBER", word);
  else if (optopt != 0 && optopt != HELP)
    complain("unknown option -%c", optopt);
  else
    complain("unknown option %s", word);
  end_with_usage(usage);
}

char** operands(int argc, char* argv[], const struct setting settings[], int fewest, int most,
                const char* usage) {
  struct option known[SETTINGS_MAX + 2] = {{"help", no_argument, NULL, HELP}};
  for (int i = 0; i < SETTINGS_MAX && settings[i].name != NULL; ++i)
    known[i + 1] = (struct option){settings[i].name, required_argument, NULL, SETTING + i};
  opterr = 0;  // our own words
  int found;
  while ((found = getopt_long(argc, argv, "", known, NULL)) != -1) {
    if (found == HELP) {
      fputs(usage, stdout);
      exit(EXIT_SUCCESS);
    }
    if (found < SETTING) refuse_option(argv[optind - 1], usage);
    const struct setting* setting = &settings[found - SETTING];
    *setting->value = number(setting->name, optarg, setting->lowest, setting->highest, usage);
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
