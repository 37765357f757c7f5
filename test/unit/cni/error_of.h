#pragma once
#include <string>

#include "base/error.h"

// The error that `body` throws, or one that no test expects when it throws none.
template <class F>
trestle::base::Error error_of(F&& body) {
  try {
    (void)body();
  } catch (const trestle::base::Error& e) {
    return e;
  }
  return {trestle::base::Code::bug, "no error was thrown"};
}
