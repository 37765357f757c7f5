#pragma once
#include <optional>
#include <string>
#include <vector>

#include "app/session.h"
#include "store/store.h"

namespace trestle::cli {

// Something of an attachment that is not as it was made.
struct Finding {
  std::optional<net::IfName> of;  // the switch, when its attachments share it
  std::string text;               // "pod:eth0: address 10.88.0.2/16: is gone"
};

// Asks the kernel for every Step of the record and of the parts it needs (`parts`: those of the store). A pod whose namespace is gone is one
// finding. What a later plugin of a chain may have changed (app::tolerated) is none. Changes nothing.
std::vector<Finding> examine(app::Session& session, const store::Record& record, const std::vector<store::Part>& parts);

}  // namespace trestle::cli
