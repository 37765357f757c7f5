#include "kernel/nexthop.h"

#include <linux/nexthop.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <cerrno>
#include <optional>

#include "kernel/attrs.h"
#include "kernel/overlay_tag.h"
#include "plan/plan.h"

namespace trestle::kernel {

namespace {

std::optional<plan::Nexthop> read_nexthop(const nlmsghdr& message, std::uint32_t link_index, const net::IfName& dev) {
  const auto header = header_of<nhmsg>(message);
  if (!header || message.nlmsg_type != RTM_NEWNEXTHOP || header->nh_protocol != kOverlayProtocol) return std::nullopt;
  const Attrs attrs = Attrs::of(message, sizeof(nhmsg));
  const auto id = attrs.u32(NHA_ID);
  const auto via = attrs.view(NHA_GATEWAY);
  if (!id || !via || via->size() != 16 || attrs.u32(NHA_OIF) != link_index) return std::nullopt;
  return plan::Nexthop{*id, dev, net::Ip::from_bytes(*via)};
}

}  // namespace

void add_nexthop(Batch& batch, std::uint32_t link_index, const plan::Nexthop& nexthop) {
  auto* header = static_cast<nhmsg*>(
      batch.begin(RTM_NEWNEXTHOP, NLM_F_CREATE | NLM_F_REPLACE, sizeof(nhmsg), plan::describe(nexthop)));
  header->nh_family = AF_INET6;
  header->nh_protocol = kOverlayProtocol;
  header->nh_flags = RTNH_F_ONLINK;
  batch.put_u32(NHA_ID, nexthop.id);
  batch.put_u32(NHA_OIF, link_index);
  batch.put(NHA_GATEWAY, nexthop.via.bytes());
}

void delete_nexthop(Batch& batch, std::uint32_t id, const std::string& label) {
  batch.begin(RTM_DELNEXTHOP, 0, sizeof(nhmsg), label);
  batch.put_u32(NHA_ID, id);
  for (const int gone : {ENOENT, ESRCH, EOPNOTSUPP}) batch.accept(gone);
}

bool has_nexthop(Socket& socket, std::uint32_t link_index, const plan::Nexthop& nexthop) {
  Batch batch;
  batch.begin(RTM_GETNEXTHOP, 0, sizeof(nhmsg), plan::describe(nexthop));
  batch.put_u32(NHA_ID, nexthop.id);
  const auto answer = socket.get(batch);
  if (!answer) return false;
  return read_nexthop(*reinterpret_cast<const nlmsghdr*>(answer->data()), link_index, nexthop.dev) == nexthop;
}

std::vector<plan::Nexthop> nexthops(Socket& socket, std::uint32_t link_index, const net::IfName& dev) {
  Batch batch;
  batch.begin(RTM_GETNEXTHOP, NLM_F_DUMP, sizeof(nhmsg), "list next hops");
  batch.put_u32(NHA_OIF, link_index);
  for (const int none : {EOPNOTSUPP, ENODEV}) batch.accept(none);
  std::vector<plan::Nexthop> out;
  socket.dump(
      batch, [&] { out.clear(); },
      [&](const nlmsghdr& message) {
        if (auto found = read_nexthop(message, link_index, dev)) out.push_back(std::move(*found));
      });
  return out;
}

}  // namespace trestle::kernel
