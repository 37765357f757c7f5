#include "kernel/announce.h"

#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>

#include "kernel/attrs.h"
#include "kernel/link.h"

namespace trestle::kernel {

namespace {

// RFC 4861 4.4: the advertisement, with the target link-layer address option that a multicast one must carry.
struct Advertisement {
  nd_neighbor_advert body{};
  nd_opt_hdr option{};
  std::uint8_t mac[6] = {};
};
static_assert(sizeof(Advertisement) == sizeof(nd_neighbor_advert) + 8);

// Source address, link and hop limit, per message: one socket serves all addresses without bind().
struct Control {
  alignas(cmsghdr) char bytes[CMSG_SPACE(sizeof(in6_pktinfo)) + CMSG_SPACE(sizeof(int))] = {};
};

template <class T>
void put_control(msghdr& slot, cmsghdr*& where, int type, const T& value) {
  where = where == nullptr ? CMSG_FIRSTHDR(&slot) : CMSG_NXTHDR(&slot, where);
  where->cmsg_level = IPPROTO_IPV6;
  where->cmsg_type = type;
  where->cmsg_len = CMSG_LEN(sizeof value);
  std::memcpy(CMSG_DATA(where), &value, sizeof value);
}

// Returns the errno, 0 when it went out.
int advertise(int fd, std::uint32_t link_index, const net::Mac& mac, const net::Ip& ip) {
  const std::string address = ip.bytes();
  Advertisement message;
  message.body.nd_na_type = ND_NEIGHBOR_ADVERT;  // the kernel fills in the checksum
  message.body.nd_na_flags_reserved = ND_NA_FLAG_OVERRIDE;
  std::memcpy(&message.body.nd_na_target, address.data(), sizeof message.body.nd_na_target);
  message.option.nd_opt_type = ND_OPT_TARGET_LINKADDR;
  message.option.nd_opt_len = 1;
  std::copy(mac.bytes.begin(), mac.bytes.end(), message.mac);

  sockaddr_in6 all_nodes{};
  all_nodes.sin6_family = AF_INET6;
  all_nodes.sin6_scope_id = link_index;
  all_nodes.sin6_addr.s6_addr[0] = 0xff;
  all_nodes.sin6_addr.s6_addr[1] = 0x02;
  all_nodes.sin6_addr.s6_addr[15] = 0x01;

  in6_pktinfo from{};
  std::memcpy(&from.ipi6_addr, address.data(), sizeof from.ipi6_addr);
  from.ipi6_ifindex = link_index;
  Control control;
  iovec part{&message, sizeof message};
  msghdr slot{};
  slot.msg_name = &all_nodes;
  slot.msg_namelen = sizeof all_nodes;
  slot.msg_iov = &part;
  slot.msg_iovlen = 1;
  slot.msg_control = control.bytes;
  slot.msg_controllen = sizeof control.bytes;
  cmsghdr* where = nullptr;
  put_control(slot, where, IPV6_PKTINFO, from);
  put_control(slot, where, IPV6_HOPLIMIT, 255);  // receivers drop it with any other
  for (;;) {
    if (::sendmsg(fd, &slot, MSG_DONTWAIT) >= 0) return 0;
    const int err = errno;
    if (err != EINTR) return err;
  }
}

// The link once the kernel has noticed its carrier, or as it is when `patience` (in steps of 0.1 ms) is used up.
std::optional<LinkInfo> noticed(Socket& socket, std::uint32_t index, int& patience) {
  for (;;) {
    auto link = get_link(socket, index);  // linkwatch_sync_dev() in there, since 6.8
    if (!link || link->carrier_noticed || patience-- <= 0) return link;
    const timespec step{0, 100'000};
    ::nanosleep(&step, nullptr);
  }
}

bool receives(Socket& socket, const net::Ip& ip) {
  Batch batch;
  auto* header = static_cast<rtmsg*>(batch.begin(RTM_GETROUTE, 0, sizeof(rtmsg), "look up the route to " + ip.str()));
  header->rtm_family = AF_INET6;
  header->rtm_dst_len = static_cast<std::uint8_t>(ip.bits());
  batch.put(RTA_DST, ip.bytes());
  for (const int none : {ENETUNREACH, EHOSTUNREACH, EACCES, EINVAL}) batch.accept(none);
  const auto answer = socket.get(batch);
  if (!answer) return false;
  const auto route = header_of<rtmsg>(*reinterpret_cast<const nlmsghdr*>(answer->data()));
  return route && route->rtm_type == RTN_LOCAL;
}

}  // namespace

void await_addresses(Socket& pod, const std::vector<net::Ip>& addresses) {
  int patience = 500;
  for (const net::Ip& ip : addresses)
    while (ip.family == net::Family::v6 && !receives(pod, ip) && patience-- > 0) {
      const timespec step{0, 100'000};
      ::nanosleep(&step, nullptr);
    }
}

void await_carrier(Socket& pod, std::uint32_t link_index, Socket& host) {
  int patience = 50;
  const auto link = noticed(pod, link_index, patience);
  if (link && link->peer != 0) noticed(host, link->peer, patience);
}

void announce_arp(Batch& batch, std::uint32_t link_index, const plan::Announce& announce) {
  for (const net::Ip& ip : announce.addresses) {
    if (ip.family != net::Family::v4) continue;
    auto* header = static_cast<ndmsg*>(batch.begin(RTM_NEWNEIGH, NLM_F_CREATE, sizeof(ndmsg),
                                                   "link " + announce.link.str() + ": announce " + ip.str()));
    header->ndm_family = AF_INET;
    header->ndm_ifindex = static_cast<int>(link_index);
    header->ndm_flags = NTF_USE;
    batch.put(NDA_DST, ip.bytes());
  }
}

int announce_nd(std::uint32_t link_index, const plan::Announce& announce) {
  const bool any = std::any_of(announce.addresses.begin(), announce.addresses.end(),
                               [](const net::Ip& ip) { return ip.family == net::Family::v6; });
  if (!any) return 0;
  const base::Fd fd(::socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMPV6));
  if (!fd.valid()) return errno;
  int first = 0;
  for (const net::Ip& ip : announce.addresses) {
    if (ip.family != net::Family::v6) continue;
    const int err = advertise(fd.get(), link_index, announce.mac, ip);
    if (first == 0) first = err;
  }
  return first;
}

}  // namespace trestle::kernel
