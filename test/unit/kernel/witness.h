#pragma once
#include <string>
#include <vector>

#include "kernel/netlink.h"

namespace trestle::test {

// What libmnl reads in a batch: per message "type 16 flags 605 header 00…", then one line per attribute, "3: 76657468…"
// in hexadecimal, what is nested behind two more spaces. Throws std::logic_error when libmnl calls a message or an
// attribute broken, or when bytes are left. `header_size`: of the family header. In a veth the peer begins with a
// header of its own, shown in its line.
std::vector<std::string> read_back(const kernel::Batch& batch, std::size_t header_size);

std::string hex_of(std::string_view bytes);

}  // namespace trestle::test
