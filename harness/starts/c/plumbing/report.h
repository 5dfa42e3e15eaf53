// report.h: how a program ends that can't go on.
#pragma once

// Goes in front of what is said: "server" or "client".
extern const char* program_name;

// One line on standard error, made as printf makes it; then the program ends, with status 1.
_Noreturn void die(const char* format, ...) __attribute__((format(printf, 1, 2)));
