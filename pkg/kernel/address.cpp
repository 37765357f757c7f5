#include "kernel/address.h"

#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <cerrno>
#include <optional>

#include "kernel/attrs.h"

namespace trestle::kernel {

namespace {

void put_address(Batch& batch, std::uint16_t type, std::uint16_t flags, std::uint32_t link_index, const net::Cidr& cidr,
                 const std::string& label) {
  const bool v4 = cidr.ip.family == net::Family::v4;
  auto* header = static_cast<ifaddrmsg*>(batch.begin(type, flags, sizeof(ifaddrmsg), label));
  header->ifa_family = v4 ? AF_INET : AF_INET6;
  header->ifa_prefixlen = cidr.length;
  header->ifa_flags = v4 ? 0 : IFA_F_NODAD;
  header->ifa_index = link_index;
  batch.put(IFA_LOCAL, cidr.ip.bytes());
  batch.put(IFA_ADDRESS, cidr.ip.bytes());
}

void read_addresses(Socket& socket, int family, std::uint32_t link_index, std::optional<std::int32_t> netns,
                    std::vector<HeldAddress>& found) {
  const std::size_t before = found.size();
  const std::uint32_t passing =
      family == AF_INET ? 0 : IFA_F_TEMPORARY | IFA_F_DEPRECATED | IFA_F_TENTATIVE | IFA_F_DADFAILED;
  Batch batch;
  auto* header = static_cast<ifaddrmsg*>(batch.begin(RTM_GETADDR, NLM_F_DUMP, sizeof(ifaddrmsg), "list addresses"));
  header->ifa_family = static_cast<std::uint8_t>(family);
  header->ifa_index = link_index;  // the kernel filters (NETLINK_GET_STRICT_CHK)
  for (const int none : {ENODEV, EOPNOTSUPP, EAFNOSUPPORT}) batch.accept(none);
  if (netns) {
    batch.put_u32(IFA_TARGET_NETNSID, static_cast<std::uint32_t>(*netns));
    batch.accept(EINVAL);  // it is on its way out
  }
  socket.dump(
      batch, [&] { found.erase(found.begin() + static_cast<std::ptrdiff_t>(before), found.end()); },
      [&](const nlmsghdr& message) {
        const auto address = header_of<ifaddrmsg>(message);
        if (!address || message.nlmsg_type != RTM_NEWADDR || address->ifa_family != family) return;
        if (link_index != 0 && address->ifa_index != link_index) return;
        const Attrs attrs = Attrs::of(message, sizeof(ifaddrmsg));
        // With a peer IFA_ADDRESS is the other end.
        const auto bytes = attrs.has(IFA_LOCAL) ? attrs.view(IFA_LOCAL) : attrs.view(IFA_ADDRESS);
        if (bytes && bytes->size() == (family == AF_INET ? 4U : 16U))
          found.push_back({{net::Ip::from_bytes(*bytes), address->ifa_prefixlen},
                           (attrs.u32(IFA_FLAGS).value_or(address->ifa_flags) & passing) == 0});
      });
}

}  // namespace

void add_address(Batch& batch, std::uint32_t link_index, const net::Cidr& cidr, bool again, const std::string& label) {
  put_address(batch, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, link_index, cidr, label);
  if (cidr.ip.family == net::Family::v4 && cidr.length < 31) batch.put(IFA_BROADCAST, cidr.last().bytes());
  if (again) batch.accept(EEXIST);
}

void delete_address(Batch& batch, std::uint32_t link_index, const net::Cidr& cidr, const std::string& label) {
  put_address(batch, RTM_DELADDR, 0, link_index, cidr, label);
  // ENXIO: IPv6 is off on that link.
  for (const int gone : {EADDRNOTAVAIL, ENODEV, ENXIO}) batch.accept(gone);
}

namespace {

std::vector<HeldAddress> read_both(Socket& socket, std::uint32_t link_index, std::optional<std::int32_t> netns) {
  std::vector<HeldAddress> found;
  for (const int family : {AF_INET, AF_INET6}) read_addresses(socket, family, link_index, netns, found);
  return found;
}

std::vector<net::Cidr> bare(const std::vector<HeldAddress>& held) {
  std::vector<net::Cidr> out;
  for (const HeldAddress& one : held) out.push_back(one.cidr);
  return out;
}

}  // namespace

std::vector<HeldAddress> held_addresses(Socket& socket, std::uint32_t link_index) {
  return read_both(socket, link_index, std::nullopt);
}

std::vector<net::Cidr> addresses(Socket& socket, std::uint32_t link_index) {
  return bare(read_both(socket, link_index, std::nullopt));
}

std::vector<net::Cidr> addresses_there(Socket& socket, std::int32_t netns, std::uint32_t link_index) {
  return bare(read_both(socket, link_index, netns));
}

}  // namespace trestle::kernel
