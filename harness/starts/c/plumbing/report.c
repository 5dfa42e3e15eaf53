// report.c: see stdarg(3), vfprintf(3).
#include "plumbing/report.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void die(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fprintf(stderr, "%s: ", program_name);
  vfprintf(stderr, format, arguments);
  fputc('\n', stderr);
  va_end(arguments);
  exit(EXIT_FAILURE);
}
