#pragma once
// Who on this node has published which port of the host.
#include <optional>
#include <string>
#include <vector>

#include "app/session.h"
#include "store/store.h"

namespace trestle::app {

// The record, another than `mine`, that publishes a port which `mine` asks for. Reads all records: for when the kernel has said that
// there is one.
std::optional<store::Record> port_holder(Session& session, const store::Record& mine);

// Takes from our maps what leads behind a switch of this state directory, or nowhere, and is in no record: the store was lost.
// Returns what could not be taken.
[[nodiscard]] std::vector<std::string> sweep_ports(Session& session);

}  // namespace trestle::app
