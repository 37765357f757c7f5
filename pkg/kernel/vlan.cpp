#include "kernel/vlan.h"

#include <linux/if_bridge.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "kernel/attrs.h"
#include "plan/plan.h"

namespace trestle::kernel {

namespace {

constexpr std::uint16_t kDefaultVid = 1;  // what the kernel gives every port of a bridge that filters

std::size_t begin_vlans(Batch& batch, std::uint16_t type, std::uint32_t link_index, const plan::Vlans& vlans) {
  auto* header = static_cast<ifinfomsg*>(batch.begin(type, 0, sizeof(ifinfomsg), plan::describe(vlans)));
  header->ifi_family = AF_BRIDGE;
  header->ifi_index = static_cast<int>(link_index);
  const std::size_t nest = batch.open_nest(IFLA_AF_SPEC);
  batch.put_u16(IFLA_BRIDGE_FLAGS, vlans.self ? BRIDGE_FLAGS_SELF : BRIDGE_FLAGS_MASTER);
  return nest;
}

void put_vid(Batch& batch, std::uint16_t vid, std::uint16_t flags) {
  const bridge_vlan_info info{flags, vid};
  batch.put(IFLA_BRIDGE_VLAN_INFO, &info, sizeof info);
}

void put_range(Batch& batch, const plan::VlanRange& range) {
  if (range.first == range.last) return put_vid(batch, range.first, 0);
  put_vid(batch, range.first, BRIDGE_VLAN_INFO_RANGE_BEGIN);
  put_vid(batch, range.last, BRIDGE_VLAN_INFO_RANGE_END);
}

void put_named(Batch& batch, const plan::Vlans& vlans, std::uint16_t pvid_flags) {
  if (vlans.pvid) put_vid(batch, *vlans.pvid, pvid_flags);
  for (const plan::VlanRange& range : vlans.tagged) put_range(batch, range);
}

struct Member {
  std::uint16_t first, last, flags;
};

// RTM_GETVLAN (5.6), which asks for one link; the older way dumps every port of the host.
std::vector<Member> members(Socket& socket, std::uint32_t link_index) {
  Batch batch;
  auto* header = static_cast<br_vlan_msg*>(
      batch.begin(RTM_GETVLAN, NLM_F_DUMP, sizeof(br_vlan_msg), "list VLANs of link " + std::to_string(link_index)));
  header->family = AF_BRIDGE;
  header->ifindex = link_index;
  for (const int none : {ENODEV, EINVAL, EOPNOTSUPP}) batch.accept(none);  // no port of a bridge
  std::vector<Member> out;
  socket.dump(
      batch, [&] { out.clear(); },
      [&](const nlmsghdr& message) {
        const auto about = header_of<br_vlan_msg>(message);
        if (!about || about->ifindex != link_index) return;
        for (const std::string_view bytes :
             Attrs::all(Attrs::bytes_of(message, sizeof(br_vlan_msg)), BRIDGE_VLANDB_ENTRY)) {
          const Attrs entry(bytes);
          const auto info = entry.view(BRIDGE_VLANDB_ENTRY_INFO);
          bridge_vlan_info vlan{};
          if (!info || info->size() < sizeof vlan) continue;
          std::memcpy(&vlan, info->data(), sizeof vlan);
          std::uint16_t last = vlan.vid;
          if (const auto range = entry.view(BRIDGE_VLANDB_ENTRY_RANGE); range && range->size() >= sizeof last)
            std::memcpy(&last, range->data(), sizeof last);
          out.push_back({vlan.vid, last, vlan.flags});
        }
      });
  return out;
}

const Member* find(const std::vector<Member>& members, std::uint16_t vid) {
  const auto it =
      std::find_if(members.begin(), members.end(), [&](const Member& m) { return m.first <= vid && vid <= m.last; });
  return it == members.end() ? nullptr : &*it;
}

}  // namespace

void add_vlans(Batch& batch, std::uint32_t link_index, const plan::Vlans& vlans) {
  if (vlans.pvid || !vlans.tagged.empty()) {
    const std::size_t nest = begin_vlans(batch, RTM_SETLINK, link_index, vlans);
    put_named(batch, vlans, BRIDGE_VLAN_INFO_PVID | BRIDGE_VLAN_INFO_UNTAGGED);
    batch.close_nest(nest);
  }
  const bool wanted = vlans.pvid == kDefaultVid || std::any_of(vlans.tagged.begin(), vlans.tagged.end(),
                                                               [](const auto& r) { return r.first <= kDefaultVid; });
  if (vlans.keep_default || wanted) return;
  const std::size_t nest = begin_vlans(batch, RTM_DELLINK, link_index, vlans);
  put_vid(batch, kDefaultVid, 0);
  batch.close_nest(nest);
  batch.accept(ENOENT);
}

void delete_vlans(Batch& batch, std::uint32_t link_index, const plan::Vlans& vlans) {
  plan::Vlans leaving = vlans;  // but VID 1, which the link has had before, and others on the switch live in
  if (leaving.pvid == kDefaultVid) leaving.pvid.reset();
  std::erase_if(leaving.tagged, [](const plan::VlanRange& range) { return range.last <= kDefaultVid; });
  for (plan::VlanRange& range : leaving.tagged) range.first = std::max<std::uint16_t>(range.first, kDefaultVid + 1);
  if (!leaving.pvid && leaving.tagged.empty()) return;
  const std::size_t nest = begin_vlans(batch, RTM_DELLINK, link_index, leaving);
  put_named(batch, leaving, 0);
  batch.close_nest(nest);
  for (const int gone : {ENOENT, ENODEV, EINVAL, EOPNOTSUPP})
    batch.accept(gone);  // no port any more: nothing to take away
}

std::optional<std::string> vlans_defect(Socket& socket, std::uint32_t link_index, const plan::Vlans& vlans) {
  const std::vector<Member> has = members(socket, link_index);
  if (vlans.pvid) {
    const Member* member = find(has, *vlans.pvid);
    constexpr std::uint16_t kBoth = BRIDGE_VLAN_INFO_PVID | BRIDGE_VLAN_INFO_UNTAGGED;
    if (!member || (member->flags & kBoth) != kBoth)
      return "VLAN " + std::to_string(*vlans.pvid) + " is not its untagged one";
  }
  for (const plan::VlanRange& range : vlans.tagged)
    for (std::uint32_t vid = range.first; vid <= range.last; ++vid) {
      const Member* member = find(has, static_cast<std::uint16_t>(vid));
      if (!member) return "VLAN " + std::to_string(vid) + " is not there";
      if ((member->flags & BRIDGE_VLAN_INFO_UNTAGGED) != 0 && !vlans.self)
        return "VLAN " + std::to_string(vid) + " is untagged";
    }
  const bool one_is_named =
      vlans.pvid == kDefaultVid || (!vlans.tagged.empty() && vlans.tagged.front().first <= kDefaultVid);
  if (!vlans.keep_default && !one_is_named && find(has, kDefaultVid)) return "VLAN 1 is there";
  return std::nullopt;
}

std::set<std::uint16_t> vlans_of(Socket& socket, std::uint32_t link_index) {
  std::set<std::uint16_t> out;
  for (const Member& member : members(socket, link_index))
    for (std::uint32_t vid = member.first; vid <= member.last; ++vid) out.insert(static_cast<std::uint16_t>(vid));
  return out;
}

std::optional<std::uint16_t> untagged_vlan(Socket& socket, std::uint32_t link_index) {
  for (const Member& member : members(socket, link_index))
    if ((member.flags & BRIDGE_VLAN_INFO_PVID) != 0) return member.first;
  return std::nullopt;
}

}  // namespace trestle::kernel
