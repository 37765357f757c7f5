#include "modes/modes.h"

#include "base/error.h"
#include "modes/nat.h"

namespace trestle::modes {

namespace {

constexpr Mode kModes[] = {
    {"nat", true, nat_shared, nat_attachment, nat_result},
};

}  // namespace

const Mode& find(std::string_view name) {
  for (const Mode& mode : kModes)
    if (mode.name == name) return mode;
  throw base::Error(base::Code::bug, "mode '" + std::string(name) + "' passed the parser but is in no table");
}

}  // namespace trestle::modes
