#pragma once
#include "kernel/netlink.h"
#include "plan/step.h"

namespace trestle::kernel {

// A static entry of the bridge that the port `port_index` belongs to; one that is there already is replaced.
void add_fdb(Batch& batch, std::uint32_t port_index, const plan::Fdb& fdb);
// One that is not there is passed over.
void delete_fdb(Batch& batch, std::uint32_t port_index, const plan::Fdb& fdb);
bool has_fdb(Socket& socket, std::uint32_t port_index, const plan::Fdb& fdb);

}  // namespace trestle::kernel
