#include "kernel/nexthop.h"

#include <linux/nexthop.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <cerrno>
#include <optional>

#include "kernel/attrs.h"
#include "kernel/our_tag.h"
#include "plan/plan.h"

namespace trestle::kernel {

namespace {

std::optional<HeldNexthop> read_nexthop(const nlmsghdr& message) {
  const auto header = header_of<nhmsg>(message);
  if (!header || message.nlmsg_type != RTM_NEWNEXTHOP || header->nh_protocol != kOurProtocol) return std::nullopt;
  const Attrs attrs = Attrs::of(message, sizeof(nhmsg));
  const auto id = attrs.u32(NHA_ID), link = attrs.u32(NHA_OIF);
  const auto via = attrs.view(NHA_GATEWAY);
  if (!id || !link || !via || (via->size() != 4 && via->size() != 16)) return std::nullopt;
  return HeldNexthop{*id, *link, net::Ip::from_bytes(*via)};
}

}  // namespace

void add_nexthop(Batch& batch, std::uint32_t link_index, const plan::Nexthop& nexthop, bool again) {
  auto* header = static_cast<nhmsg*>(batch.begin(RTM_NEWNEXTHOP, NLM_F_CREATE | (again ? NLM_F_REPLACE : NLM_F_EXCL),
                                                 sizeof(nhmsg), plan::describe(nexthop)));
  header->nh_family = nexthop.via.family == net::Family::v4 ? AF_INET : AF_INET6;
  header->nh_protocol = kOurProtocol;
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

namespace {

std::optional<HeldNexthop> get_nexthop(Socket& socket, std::uint32_t id) {
  Batch batch;
  batch.begin(RTM_GETNEXTHOP, 0, sizeof(nhmsg), "look up next hop " + std::to_string(id));
  batch.put_u32(NHA_ID, id);
  const auto answer = socket.get(batch);
  return answer ? read_nexthop(*reinterpret_cast<const nlmsghdr*>(answer->data())) : std::nullopt;
}

}  // namespace

bool has_nexthop(Socket& socket, std::uint32_t link_index, const plan::Nexthop& nexthop) {
  const auto there = get_nexthop(socket, nexthop.id);
  return there && there->link_index == link_index && there->via == nexthop.via;
}

bool has_nexthop(Socket& socket, std::uint32_t id) { return get_nexthop(socket, id).has_value(); }

std::vector<HeldNexthop> nexthops(Socket& socket) {
  Batch batch;
  batch.begin(RTM_GETNEXTHOP, NLM_F_DUMP, sizeof(nhmsg), "list next hops");
  batch.accept(EOPNOTSUPP);
  std::vector<HeldNexthop> out;
  socket.dump(
      batch, [&] { out.clear(); },
      [&](const nlmsghdr& message) {
        if (const auto found = read_nexthop(message)) out.push_back(*found);
      });
  return out;
}

}  // namespace trestle::kernel
