#pragma once
// The record of one attachment: the plan is in it, so DEL undoes what was really done, without netns, prevResult or config.
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "net/ip.h"
#include "net/mac.h"
#include "net/names.h"
#include "plan/plan.h"

namespace trestle::store {

// A lease: unique within its segment, which is a switch (later with a VLAN: "trdemo", "trdemo.7").
struct LeaseRef {
  std::string segment;
  net::Ip ip;
  bool operator==(const LeaseRef&) const = default;
};

// The use of one shared part.
struct PartRef {
  net::IfName bridge;
  std::string digest;
  bool operator==(const PartRef&) const = default;
};

// One NIC of the attachment, for people and for uniqueness of MACs.
struct Nic {
  net::IfName name;         // in the pod
  net::IfName host_link;
  net::IfName bridge;
  net::Mac mac;
  bool operator==(const Nic&) const = default;
};

struct Record {
  net::Owner owner;
  std::string netns;               // path of the ADD
  std::uint64_t netns_cookie = 0;
  std::uint64_t host_cookie = 0;   // of the namespace that the switches are in
  std::string boot;                // boot id
  std::uint64_t at = 0;            // CLOCK_BOOTTIME, nanoseconds
  std::string mode;
  std::string pod;                 // "namespace/name" when the runtime told (K8S_POD_*), else ""
  std::vector<Nic> nics;
  std::vector<LeaseRef> leases;
  std::vector<PartRef> parts;
  std::vector<plan::Step> plan;    // the attachment part
  nlohmann::json result;           // as answered, 1.1.0
  nlohmann::json unknown;          // keys of a newer schema, kept on rewrite
};

// The file's text: JSON with "schema", "reader" (least reader version) and "sum" (hash64 over the rest, 16 hex digits).
std::string record_text(const Record& record);
// Throws Error{store}: checksum, schema newer than this reader, or a field amiss. Never crashes on any bytes.
Record parse_record(std::string_view text);
// What can be saved of a record that parse_record() refuses: leases and MACs that still read as such, so that an address in use
// is not given out twice while its record is damaged. Empty when nothing can be read. Never throws.
std::vector<LeaseRef> salvage_leases(std::string_view text) noexcept;

}  // namespace trestle::store
