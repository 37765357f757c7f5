#include "net/names.h"

#include <algorithm>
#include <initializer_list>

#include "base/hash.h"
#include "base/text.h"

namespace trestle::net {
namespace {

// NUL between the parts: it is in none of them, so ("a", "bc") and ("ab", "c") stay two.
std::string joined(std::initializer_list<std::string_view> parts) {
  std::string text;
  for (const std::string_view& part : parts) {
    if (&part != parts.begin()) text += '\0';
    text += part;
  }
  return text;
}

constexpr std::uint64_t kLow30 = 0x3FFFFFFF;
constexpr std::uint32_t kOurs = 0x40000000;
constexpr std::uint32_t kDoomed = 0x80000000;

std::uint32_t group(std::uint32_t mark, std::string_view key) {
  return mark | static_cast<std::uint32_t>(base::hash64(key) & kLow30);
}

// What may stand in a file name, a sysctl path and an nftables identifier without further thought.
bool is_plain(std::string_view text) {
  const auto alnum = [](char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); };
  return !text.empty() && alnum(text[0]) &&
         std::all_of(text.begin(), text.end(), [&](char c) { return alnum(c) || c == '_' || c == '.' || c == '-'; });
}

}  // namespace

std::uint64_t owner_hash(const Owner& owner) {
  return base::hash64(joined({owner.network, owner.container, owner.ifname}));
}

namespace {
std::uint64_t nic_hash(const Owner& owner, const IfName& nic) {
  return base::hash64(joined({owner.network, owner.container, owner.ifname, nic.str()}));
}
}  // namespace

IfName host_link_name(const Owner& owner, const IfName& nic) {
  return IfName::parse("veth" + base::hex(nic_hash(owner, nic), 11));
}

IfName ifb_name(const IfName& host_link) {
  const std::string& name = host_link.str();
  const std::string_view prefix = "veth";
  // Behind another plugin the link has that one's name: "ch1" once ended in an exception, "cali7" and "veth7" in one ifb.
  const bool ours = name.starts_with(prefix) && name.size() == prefix.size() + 11;
  return IfName::parse("ifb" + (ours ? name.substr(prefix.size()) : base::hex(base::hash64(name), 11)));
}

IfName tap_name(const IfName& nic) {
  constexpr std::size_t kPrefix = 3;
  const std::string name = nic.str();
  return IfName::parse("tap" + (name.size() < kPrefix ? name : name.substr(kPrefix)));
}

std::uint32_t source_table(const IfName& nic) {
  constexpr std::uint32_t kFirst = 1000, kTables = 30000;
  return kFirst + static_cast<std::uint32_t>(base::hash64(nic.str()) % kTables);
}

IfName switch_name(std::string_view network) {
  if (is_plain(network) && network.size() <= 13) return IfName::parse("tr" + std::string(network));
  return IfName::parse("tr" + base::hex(base::hash64(network), 11));
}

IfName bond_name(const IfName& bridge) { return IfName::parse("bond" + base::hex(base::hash64(bridge.str()), 11)); }

Mac switch_mac(const IfName& bridge) { return Mac::from_hash(0x02, base::hash64(bridge.str())); }

Mac pod_mac(const IfName& bridge, const Ip& first) {
  return Mac::from_hash(0x02, base::hash64(joined({bridge.str(), first.str()})));
}

Mac trunk_mac(const IfName& bridge, const Ip& first) {
  return Mac::from_hash(0x02, base::hash64(joined({bridge.str(), "trunk", first.str()})));
}

Mac nic_mac(const Owner& owner, const IfName& nic) {
  return Mac::from_hash(0x02, nic.str() == owner.ifname ? owner_hash(owner) : nic_hash(owner, nic));
}

IfName vtep_name(std::uint32_t vni, std::uint16_t port) {
  constexpr std::uint16_t kUsual = 4789;
  const std::string name = "vx" + std::to_string(vni) + (port == kUsual ? "" : "p" + std::to_string(port));
  return IfName::parse(name.size() <= 15 ? name : "vx" + base::hex(base::hash64(name), 11));
}

Mac vtep_mac(std::uint32_t vni, std::string_view node) { return VtepMacs(vni).of(node); }

VtepMacs::VtepMacs(std::uint32_t vni) : text_(joined({"vtep", std::to_string(vni), ""})), head_(text_.size()) {}

Mac VtepMacs::of(std::string_view node) {
  text_.resize(head_);
  text_ += node;
  return Mac::from_hash(0x02, base::hash64(text_));
}

Mac host_side_mac(const Mac& pod) {
  Mac mac = pod;
  mac.bytes[0] = 0xFE;
  return mac;
}

std::uint32_t link_group(std::string_view state_dir, std::string_view network) {
  return group(kOurs, joined({state_dir, network}));
}

std::uint32_t switch_group(std::string_view state_dir) { return group(kOurs, state_dir); }

bool is_our_group(std::uint32_t group) { return (group & (kOurs | kDoomed)) != 0; }

std::uint32_t doomed_group(std::string_view state_dir) { return group(kDoomed, state_dir); }

Ip link_local(const Mac& mac) {
  U128 value = U128{0xFE80} << 112;
  const std::uint8_t id[8] = {static_cast<std::uint8_t>(mac.bytes[0] ^ 0x02),
                              mac.bytes[1],
                              mac.bytes[2],
                              0xFF,
                              0xFE,
                              mac.bytes[3],
                              mac.bytes[4],
                              mac.bytes[5]};
  for (std::size_t i = 0; i < 8; ++i) value |= U128{id[i]} << (56 - 8 * i);
  return {Family::v6, value};
}

}  // namespace trestle::net
