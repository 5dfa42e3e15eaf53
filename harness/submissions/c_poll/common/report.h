// What the programs say to their user: whole lines, each written at once, in which control bytes are escaped.
#pragma once

#include <stdbool.h>

// Goes in front of every complaint: "server" or "client".
extern const char* program_name;

// Prints a line on standard output. False if that fails.
bool tell(const char* format, ...) __attribute__((format(printf, 1, 2)));

// Prints a line on standard error, below the status line if there is one.
void complain(const char* format, ...) __attribute__((format(printf, 1, 2)));

// As complain, and ends the program with status 1.
_Noreturn void die(const char* format, ...) __attribute__((format(printf, 1, 2)));

// Draws the status line on standard error, over the one before.
void show_status(const char* text);

// Ends the status line, so that the shell's prompt comes below.
void end_status(void);
