#pragma once
// What the records say is in use: the truth that a segment is rebuilt from.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "net/mac.h"
#include "store/directory.h"
#include "store/record.h"

namespace trestle::store {

struct Census {
  struct HeldMac {
    std::string segment;
    net::Mac mac;
    std::uint64_t owner = 0;  // hash
  };
  struct HeldVm {
    std::string segment;
    std::uint64_t vm = 0;     // net::vm_hash of one NIC
    std::uint64_t owner = 0;  // hash
  };
  std::vector<LeaseRef> leases;  // of readable records; twice where two pods of one VM hold it
  std::vector<HeldMac> macs;
  std::vector<HeldVm> vms;
  std::vector<std::uint64_t> unreadable;  // owners' hashes
  std::vector<net::Ip> doubtful;          // read out of damaged ones: in use in every segment, to be safe
  bool damaged = false;                   // there is a damaged record: it may hold addresses that are in no list here
};

// `records` absent: nothing is in use.
Census take_census(const std::optional<Dir>& records);

// "0123456789abcdef.json" and back; nullopt: no record's name.
std::string record_file(std::uint64_t owner_hash);
std::optional<std::uint64_t> record_hash(std::string_view file);
// 16 lowercase hexadecimal digits; nullopt: anything else.
std::optional<std::uint64_t> parse_hash(std::string_view text);

}  // namespace trestle::store
