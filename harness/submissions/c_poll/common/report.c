#include "report.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TEXT_MAX = 8192 };  // a path and a cause

static size_t status_width;  // of the status line that the cursor stands in; 0: in none

// A name may hold anything, and it may come from the wire: it must neither drive the terminal nor forge a line.
static size_t escape(const char* text, char* line) {
  char* end = line;
  for (; *text != '\0'; ++text) {
    const unsigned char byte = (unsigned char)*text;
    if (byte < ' ' || byte == 0x7f)
      end += sprintf(end, "\\x%02x", byte);
    else
      *end++ = *text;
  }
  *end++ = '\n';
  return (size_t)(end - line);
}

__attribute__((format(printf, 3, 0))) static bool print_line(int fd, const char* prefix, const char* format,
                                                             va_list arguments) {
  char text[TEXT_MAX], line[4 * TEXT_MAX + 1];
  const int used = snprintf(text, sizeof text, "%s", prefix);
  vsnprintf(text + used, sizeof text - (size_t)used, format, arguments);
  const size_t length = escape(text, line);
  return write(fd, line, length) == (ssize_t)length;
}

bool tell(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  const bool done = print_line(STDOUT_FILENO, "", format, arguments);
  va_end(arguments);
  return done;
}

static void complain_with(const char* format, va_list arguments) {
  char prefix[32];
  snprintf(prefix, sizeof prefix, "%s: ", program_name);
  end_status();
  print_line(STDERR_FILENO, prefix, format, arguments);
}

void complain(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  complain_with(format, arguments);
  va_end(arguments);
}

void die(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  complain_with(format, arguments);
  va_end(arguments);
  exit(EXIT_FAILURE);
}

void show_status(const char* text) {
  const size_t width = strlen(text);
  // Over what the old line had more.
  const int blanks = width < status_width ? (int)(status_width - width) : 0;
  fprintf(stderr, "\r%s%*s", text, blanks, "");
  status_width = width;
}

void end_status(void) {
  if (status_width > 0) fputc('\n', stderr);
  status_width = 0;
}
