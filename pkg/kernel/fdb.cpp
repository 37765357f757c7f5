#include "kernel/fdb.h"

#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "kernel/attrs.h"
#include "plan/plan.h"

namespace trestle::kernel {

namespace {

void begin_entry(Batch& batch, std::uint16_t type, std::uint16_t flags, std::uint32_t port_index,
                 const plan::Fdb& fdb) {
  auto* header = static_cast<ndmsg*>(batch.begin(type, flags, sizeof(ndmsg), plan::describe(fdb)));
  header->ndm_family = AF_BRIDGE;
  header->ndm_ifindex = static_cast<int>(port_index);
  if (type == RTM_NEWNEIGH) header->ndm_state = NUD_NOARP;  // static; NUD_PERMANENT would make it the bridge's own
  if (type == RTM_NEWNEIGH && fdb.dst) header->ndm_state = NUD_PERMANENT;
  header->ndm_flags = fdb.dst ? NTF_SELF : NTF_MASTER;
  // Else a station of the LAN that sends with this MAC moves the entry to the uplink, where the DEL does not find it.
  if (type == RTM_NEWNEIGH && !fdb.dst) header->ndm_flags |= NTF_STICKY;
  batch.put(NDA_LLADDR, fdb.mac.bytes.data(), fdb.mac.bytes.size());
  if (fdb.dst) batch.put(NDA_DST, fdb.dst->bytes());
  if (fdb.vlan) batch.put_u16(NDA_VLAN, *fdb.vlan);
}

}  // namespace

void add_fdb(Batch& batch, std::uint32_t port_index, const plan::Fdb& fdb) {
  // The zero MAC has one entry for each peer.
  const bool one_of_many = fdb.dst && fdb.mac == net::Mac{};
  begin_entry(batch, RTM_NEWNEIGH, NLM_F_CREATE | (one_of_many ? NLM_F_APPEND : NLM_F_REPLACE), port_index, fdb);
  if (one_of_many) batch.accept(EEXIST);
}

void delete_fdb(Batch& batch, std::uint32_t port_index, const plan::Fdb& fdb) {
  begin_entry(batch, RTM_DELNEIGH, 0, port_index, fdb);
  for (const int absent : {ENOENT, ENODEV}) batch.accept(absent);
}

bool is_behind(Socket& socket, std::uint32_t port_index, const net::Mac& mac) {
  const auto one = station(socket, port_index, mac, std::nullopt);
  return one && one->port == port_index;
}

bool has_fdb(Socket& socket, std::uint32_t port_index, const plan::Fdb& fdb) {
  if (fdb.dst) {
    const auto all = tunnel_entries(socket, port_index, fdb.link);
    return std::find(all.begin(), all.end(), fdb) != all.end();
  }
  Batch batch;
  begin_entry(batch, RTM_GETNEIGH, 0, port_index, fdb);
  const auto answer = socket.get(batch);
  if (!answer) return false;
  const auto header = header_of<ndmsg>(*reinterpret_cast<const nlmsghdr*>(answer->data()));
  return header && header->ndm_ifindex == static_cast<int>(port_index) && (header->ndm_state & NUD_NOARP) != 0;
}

namespace {

// The VTEP's entries of stations elsewhere that `fits` takes.
template <class F>
std::vector<plan::Fdb> entries(Socket& socket, std::uint32_t link_index, const net::IfName& link, F&& fits) {
  Batch batch;
  auto* header = static_cast<ndmsg*>(batch.begin(RTM_GETNEIGH, NLM_F_DUMP, sizeof(ndmsg), "list the FDB"));
  header->ndm_family = AF_BRIDGE;
  header->ndm_ifindex = static_cast<int>(link_index);
  batch.accept(ENODEV);
  std::vector<plan::Fdb> out;
  socket.dump(
      batch, [&] { out.clear(); },
      [&](const nlmsghdr& message) {
        const auto entry = header_of<ndmsg>(message);
        if (!entry || message.nlmsg_type != RTM_NEWNEIGH || entry->ndm_ifindex != static_cast<int>(link_index)) return;
        if ((entry->ndm_flags & NTF_SELF) == 0 || !fits(*entry)) return;
        const Attrs attrs = Attrs::of(message, sizeof(ndmsg));
        const auto mac = attrs.view(NDA_LLADDR), dst = attrs.view(NDA_DST);
        if (!mac || mac->size() != 6 || !dst || (dst->size() != 4 && dst->size() != 16)) return;
        plan::Fdb found{link, {}, net::Ip::from_bytes(*dst)};
        std::copy(mac->begin(), mac->end(), found.mac.bytes.begin());
        out.push_back(found);
      });
  return out;
}

bool is_fixed(const ndmsg& entry) { return (entry.ndm_state & (NUD_NOARP | NUD_PERMANENT)) != 0; }

}  // namespace

std::optional<Station> station(Socket& socket, std::uint32_t port_index, const net::Mac& mac,
                               std::optional<std::uint16_t> vlan) {
  Batch batch;
  begin_entry(batch, RTM_GETNEIGH, 0, port_index, plan::Fdb{net::IfName::parse("port"), mac, {}, vlan});
  const auto answer = socket.get(batch);
  if (!answer) return std::nullopt;
  const auto entry = header_of<ndmsg>(*reinterpret_cast<const nlmsghdr*>(answer->data()));
  if (!entry) return std::nullopt;
  return Station{0, static_cast<std::uint32_t>(entry->ndm_ifindex), vlan.value_or(0), is_fixed(*entry)};
}

std::vector<Station> stations(Socket& socket, const net::Mac& mac) {
  Batch batch;
  static_cast<ndmsg*>(batch.begin(RTM_GETNEIGH, NLM_F_DUMP, sizeof(ndmsg), "list the FDB"))->ndm_family = AF_BRIDGE;
  const std::string_view wanted(reinterpret_cast<const char*>(mac.bytes.data()), mac.bytes.size());
  std::vector<Station> out;
  socket.dump(
      batch, [&] { out.clear(); },
      [&](const nlmsghdr& message) {
        const auto entry = header_of<ndmsg>(message);
        if (!entry || message.nlmsg_type != RTM_NEWNEIGH || (entry->ndm_flags & NTF_SELF) != 0) return;
        const Attrs attrs = Attrs::of(message, sizeof(ndmsg));
        if (attrs.view(NDA_LLADDR) != wanted) return;
        Station one{attrs.u32(NDA_MASTER).value_or(0), static_cast<std::uint32_t>(entry->ndm_ifindex), 0,
                    is_fixed(*entry)};
        if (const auto vlan = attrs.view(NDA_VLAN); vlan && vlan->size() >= sizeof one.vlan)
          std::memcpy(&one.vlan, vlan->data(), sizeof one.vlan);
        out.push_back(one);
      });
  return out;
}

std::vector<plan::Fdb> tunnel_entries(Socket& socket, std::uint32_t link_index, const net::IfName& link) {
  return entries(socket, link_index, link, [](const ndmsg& entry) {
    return (entry.ndm_flags & NTF_EXT_LEARNED) == 0 && (entry.ndm_state & NUD_PERMANENT) != 0;
  });
}

std::vector<plan::Fdb> learned_entries(Socket& socket, std::uint32_t link_index, const net::IfName& link) {
  return entries(socket, link_index, link, [](const ndmsg& entry) {
    return (entry.ndm_flags & NTF_EXT_LEARNED) == 0 && (entry.ndm_state & (NUD_PERMANENT | NUD_NOARP)) == 0;
  });
}

std::set<net::Ip> tunnel_ends(Socket& socket, std::uint32_t link_index, const net::IfName& link) {
  std::set<net::Ip> out;
  for (const plan::Fdb& fdb : entries(socket, link_index, link, [](const ndmsg&) { return true; }))
    if (!fdb.dst->is_multicast()) out.insert(*fdb.dst);
  return out;
}

}  // namespace trestle::kernel
