#pragma once
// Finding what is ours without a record: for DEL and GC when the store lost one.
#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "kernel/netlink.h"
#include "net/ifname.h"

namespace trestle::kernel {

// Deletes the veth of that name when its group is `group`; anything else, or nothing, is left.
void remove_stray_link(Socket& route, const net::IfName& link, std::uint32_t group);

// Removes from our tables every element whose first field is one of these interface names. Tables that are gone are no error.
void remove_stray_elements(Socket& netfilter, const std::set<std::string>& links);

// The interface names that the per-attachment sets of our tables mention.
std::set<std::string> mentioned_links(Socket& netfilter);

}  // namespace trestle::kernel
