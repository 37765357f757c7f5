#include "base/error.h"

#include <cstring>

namespace trestle::base {

void throw_errno(int err, const std::string& what, Code code) { throw Error(code, what + ": " + std::strerror(err)); }

}  // namespace trestle::base
