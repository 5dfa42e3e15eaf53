// The function of that name that the program would have got without us: dlsym(3), RTLD_NEXT.
#pragma once

#include <dlfcn.h>

namespace probe {

template <class Function>
Function* next(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

}  // namespace probe
