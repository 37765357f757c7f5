#pragma once
// The record of one attachment: the plan is in it, so DEL undoes what was really done, without netns, prevResult or config.
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "net/ip.h"
#include "net/mac.h"
#include "net/names.h"
#include "net/vm_identity.h"
#include "plan/delegate.h"
#include "plan/plan.h"

namespace trestle::store {

// A lease: unique within its segment, which is a switch (later with a VLAN: "trdemo", "trdemo.7").
struct LeaseRef {
  std::string segment;
  net::Ip ip;
  std::uint32_t nic = 0;  // which of the record's
  bool operator==(const LeaseRef& other) const { return segment == other.segment && ip == other.ip; }
};

// The use of one shared part.
struct PartRef {
  net::IfName bridge;
  std::string digest;
  bool operator==(const PartRef&) const = default;
};

// One NIC of the attachment, for people and for uniqueness of MACs.
struct Nic {
  net::IfName name;  // in the pod
  net::IfName host_link;
  net::IfName bridge;
  net::Mac mac;
  std::string segment = {};    // where its MAC is unique; "": the record's
  bool source_routing = true;  // false: the configuration says so, and no later call may give it a table
  bool operator==(const Nic&) const = default;
};

// Whose addresses another plugin gave, and by what its DEL goes.
struct Delegated {
  net::IfName nic;
  plan::Delegate delegate;
  bool operator==(const Delegated&) const = default;
};

struct Record {
  net::Owner owner;
  std::string netns;  // path of the ADD
  std::uint64_t netns_cookie = 0;
  std::uint64_t host_cookie = 0;  // of the namespace that the switches are in
  std::string boot;               // boot id
  std::uint64_t at = 0;           // CLOCK_BOOTTIME, nanoseconds
  std::string mode;
  std::string pod;  // "namespace/name" when the runtime told (K8S_POD_*), else ""
  std::vector<Nic> nics;
  std::vector<LeaseRef> leases;
  std::vector<PartRef> parts;
  std::vector<plan::Step> plan;           // the attachment part
  nlohmann::json result;                  // as answered, 1.1.0
  std::vector<Delegated> delegates = {};  // NIC by NIC; one of the first NIC alone is written as older releases have it
  nlohmann::json unknown = {};            // keys of a newer schema, kept on rewrite
  std::string segment = {};               // of the first NIC; commit() fills it from the reservation
  std::string vm = {};                    // whose NICs they are (net::vm_identity), "" for a pod's own; as above
};

inline const std::string& segment_of(const Record& record, const Nic& nic) {
  return nic.segment.empty() ? record.segment : nic.segment;
}

// Made anew for a pod that was found on a switch when the store had lost its record: its namespace is not known.
inline bool is_adopted(const Record& record) { return record.netns_cookie == 0; }

inline constexpr int kSchema = 1;                    // what this release writes
inline constexpr std::size_t kMaxRecord = 1U << 20;  // bytes; more is no record of ours

// Of a record that cannot be read: the owner whose hash is `owner_hash`, if his three names still stand in the text. Never throws.
std::optional<net::Owner> salvage_owner(std::string_view text, std::uint64_t owner_hash) noexcept;

// The file's text: JSON with "schema", "reader" (least reader version) and, last, "sum" (checksum64 over all before it, 16 hex digits).
std::string record_text(const Record& record);
// Throws Error{store}: checksum, schema newer than this reader, or a field amiss. Never crashes on any bytes.
Record parse_record(std::string_view text);

// What the segments need of a record, without reading the rest of it.
struct Outline {
  std::vector<LeaseRef> leases;
  std::vector<net::Mac> macs;
  std::vector<net::IfName> host_links;
  std::vector<std::string> segments;  // of each
  std::string segment;                // of the first NIC
  std::vector<net::VmNic> vms;        // one per NIC; empty when it is no VM's
};
// nullopt: damaged, or laid out by a newer schema.
std::optional<Outline> outline(std::string_view text) noexcept;

// What can be saved of a record that outline() refuses: every text in it that still reads as an address, so that an address in use is
// not given out twice while its record is damaged. `segment` is empty where it cannot be told. Gateways and the like are in it
// too: withheld without harm. Empty when nothing can be read. Never throws.
std::vector<LeaseRef> salvage_leases(std::string_view text) noexcept;

}  // namespace trestle::store
