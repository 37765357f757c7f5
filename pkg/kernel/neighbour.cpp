#include "kernel/neighbour.h"

#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "kernel/attrs.h"
#include "kernel/our_tag.h"
#include "plan/plan.h"

namespace trestle::kernel {

namespace {

void begin_neighbour(Batch& batch, std::uint16_t type, std::uint16_t flags, std::uint32_t link_index,
                     const plan::Neighbour& neighbour) {
  auto* header = static_cast<ndmsg*>(batch.begin(type, flags, sizeof(ndmsg), plan::describe(neighbour)));
  header->ndm_family = neighbour.ip.family == net::Family::v4 ? AF_INET : AF_INET6;
  header->ndm_ifindex = static_cast<int>(link_index);
  if (type == RTM_NEWNEIGH) header->ndm_state = NUD_PERMANENT;
  if (neighbour.proxy) header->ndm_flags = NTF_PROXY;
  batch.put(NDA_DST, neighbour.ip.bytes());
  if (type == RTM_NEWNEIGH && neighbour.mac)
    batch.put(NDA_LLADDR, neighbour.mac->bytes.data(), neighbour.mac->bytes.size());
  if (type == RTM_NEWNEIGH && !neighbour.proxy) batch.put_u8(NDA_PROTOCOL, kOurProtocol);  // by which Monitor knows it
}

}  // namespace

void add_neighbour(Batch& batch, std::uint32_t link_index, const plan::Neighbour& neighbour) {
  begin_neighbour(batch, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, link_index, neighbour);
}

void delete_neighbour(Batch& batch, std::uint32_t link_index, const plan::Neighbour& neighbour) {
  begin_neighbour(batch, RTM_DELNEIGH, 0, link_index, neighbour);
  for (const int gone : {ENOENT, ENODEV, ESRCH}) batch.accept(gone);
}

namespace {

// The kernel's entry for the address: its header, and is the MAC in it that one?
struct Entry {
  ndmsg header;
  bool has_mac = false;
};

std::optional<Entry> entry_of(Socket& socket, std::uint32_t link_index, const plan::Neighbour& neighbour) {
  Batch batch;
  begin_neighbour(batch, RTM_GETNEIGH, 0, link_index, neighbour);
  const auto answer = socket.get(batch);
  if (!answer) return std::nullopt;
  const auto& message = *reinterpret_cast<const nlmsghdr*>(answer->data());
  const auto header = header_of<ndmsg>(message);
  if (!header) return std::nullopt;
  const auto mac = Attrs::of(message, sizeof(ndmsg)).view(NDA_LLADDR);
  return Entry{*header, mac && neighbour.mac &&
                            *mac == std::string_view(reinterpret_cast<const char*>(neighbour.mac->bytes.data()),
                                                     neighbour.mac->bytes.size())};
}

}  // namespace

bool is_at(Socket& socket, std::uint32_t link_index, const net::Ip& ip, const net::Mac& mac) {
  const auto entry = entry_of(socket, link_index, {{plan::Where::host, net::IfName::parse("link")}, ip, mac, false});
  return entry && entry->has_mac && (entry->header.ndm_state & (NUD_INCOMPLETE | NUD_FAILED)) == 0;
}

bool has_neighbour(Socket& socket, std::uint32_t link_index, const plan::Neighbour& neighbour) {
  const auto entry = entry_of(socket, link_index, neighbour);
  if (!entry) return false;
  if (neighbour.proxy) return (entry->header.ndm_flags & NTF_PROXY) != 0;
  return (entry->header.ndm_state & NUD_PERMANENT) != 0 && (!neighbour.mac || entry->has_mac);
}

std::vector<plan::Neighbour> neighbours(Socket& socket, std::uint32_t link_index, const plan::LinkRef& link) {
  std::vector<plan::Neighbour> out;
  for (const std::uint8_t family : {std::uint8_t{AF_INET}, std::uint8_t{AF_INET6}}) {
    std::vector<plan::Neighbour> found;
    Batch batch;
    auto* header = static_cast<ndmsg*>(batch.begin(RTM_GETNEIGH, NLM_F_DUMP, sizeof(ndmsg), "list neighbours"));
    header->ndm_family = family;
    batch.put_u32(NDA_IFINDEX, link_index);
    for (const int none : {ENODEV, EAFNOSUPPORT, EOPNOTSUPP}) batch.accept(none);
    socket.dump(
        batch, [&] { found.clear(); },
        [&](const nlmsghdr& message) {
          const auto entry = header_of<ndmsg>(message);
          if (!entry || message.nlmsg_type != RTM_NEWNEIGH || entry->ndm_ifindex != static_cast<int>(link_index) ||
              (entry->ndm_state & NUD_PERMANENT) == 0 || (entry->ndm_flags & NTF_EXT_LEARNED) != 0)
            return;
          const Attrs attrs = Attrs::of(message, sizeof(ndmsg));
          const auto ip = attrs.view(NDA_DST), mac = attrs.view(NDA_LLADDR);
          if (!ip || (ip->size() != 4 && ip->size() != 16) || !mac || mac->size() != 6) return;
          plan::Neighbour neighbour{link, net::Ip::from_bytes(*ip), net::Mac{}, false};
          std::copy(mac->begin(), mac->end(), neighbour.mac->bytes.begin());
          found.push_back(neighbour);
        });
    out.insert(out.end(), found.begin(), found.end());
  }
  return out;
}

}  // namespace trestle::kernel
