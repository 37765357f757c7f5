#include "kernel/conntrack.h"

#include <arpa/inet.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <functional>
#include <optional>
#include <set>
#include <string>

#include "kernel/address.h"
#include "kernel/attrs.h"
#include "kernel/conntrack_list.h"

namespace trestle::kernel {

namespace {

constexpr std::size_t kAtOnce = 128;  // deletions per send; each is acknowledged

// What of a tuple a filtered dump compares (net/netfilter/nf_internals.h; Linux 5.8). An older kernel ignores the filter: everything is
// compared here once more.
constexpr std::uint32_t kSource = 1U << 0, kProtocol = 1U << 3, kDestinationPort = 1U << 5;

struct Tuple {
  net::Ip source, destination;
  std::uint16_t source_port = 0, destination_port = 0;
};

struct Flow {
  Tuple original, reply;
  std::string_view tuple, zone;  // as the kernel wrote them
  std::optional<std::uint32_t> id;
};

// How one dump is narrowed; the protocol always is: without it plugins#705 wiped the whole table.
struct Narrowed {
  net::Family family = net::Family::v4;
  std::optional<std::uint16_t> port;  // the original destination's
  std::optional<net::Ip> from;        // who answers
  auto operator<=>(const Narrowed&) const = default;
};

std::uint8_t wire(net::Family family) { return family == net::Family::v4 ? AF_INET : AF_INET6; }

void begin(Batch& out, std::uint16_t kind, std::uint16_t flags, net::Family family) {
  const auto type = static_cast<std::uint16_t>(NFNL_SUBSYS_CTNETLINK << 8 | kind);
  auto* header = static_cast<nfgenmsg*>(out.begin(type, flags, sizeof(nfgenmsg), "UDP entries of conntrack"));
  header->nfgen_family = wire(family);
  header->version = NFNETLINK_V0;
}

void put_filter(Batch& out, const Narrowed& narrowed) {
  const bool reply = narrowed.from.has_value();
  const std::size_t tuple = out.open_nest(reply ? CTA_TUPLE_REPLY : CTA_TUPLE_ORIG);
  if (narrowed.from) {
    const std::size_t ip = out.open_nest(CTA_TUPLE_IP);
    out.put(narrowed.family == net::Family::v4 ? CTA_IP_V4_SRC : CTA_IP_V6_SRC, narrowed.from->bytes());
    out.close_nest(ip);
  }
  const std::size_t proto = out.open_nest(CTA_TUPLE_PROTO);
  out.put_u8(CTA_PROTO_NUM, IPPROTO_UDP);
  if (narrowed.port) out.put_u16(CTA_PROTO_DST_PORT, htons(*narrowed.port));
  out.close_nest(proto);
  out.close_nest(tuple);
  const std::size_t filter = out.open_nest(CTA_FILTER);
  out.put_u32(reply ? CTA_FILTER_REPLY_FLAGS : CTA_FILTER_ORIG_FLAGS,
              kProtocol | (narrowed.from ? kSource : 0) | (narrowed.port ? kDestinationPort : 0));
  out.close_nest(filter);
}

std::optional<Tuple> read_tuple(const Attrs& attrs) {
  const Attrs ip = attrs.nest(CTA_TUPLE_IP), proto = attrs.nest(CTA_TUPLE_PROTO);
  if (proto.u8(CTA_PROTO_NUM) != IPPROTO_UDP) return std::nullopt;
  const bool v4 = ip.has(CTA_IP_V4_SRC);
  const auto source = ip.view(v4 ? CTA_IP_V4_SRC : CTA_IP_V6_SRC);
  const auto destination = ip.view(v4 ? CTA_IP_V4_DST : CTA_IP_V6_DST);
  const std::size_t size = v4 ? 4 : 16;
  if (!source || !destination || source->size() != size || destination->size() != size) return std::nullopt;
  const auto port = [&](std::uint16_t type) {
    std::uint16_t big = 0;
    if (const auto bytes = proto.view(type); bytes && bytes->size() >= sizeof big)
      std::memcpy(&big, bytes->data(), sizeof big);
    return ntohs(big);
  };
  return Tuple{net::Ip::from_bytes(*source), net::Ip::from_bytes(*destination), port(CTA_PROTO_SRC_PORT),
               port(CTA_PROTO_DST_PORT)};
}

std::optional<Flow> read_flow(const nlmsghdr& message) {
  const Attrs attrs = Attrs::of(message, sizeof(nfgenmsg));
  const auto original = read_tuple(attrs.nest(CTA_TUPLE_ORIG)), reply = read_tuple(attrs.nest(CTA_TUPLE_REPLY));
  if (!original || !reply) return std::nullopt;
  return Flow{*original, *reply, *attrs.view(CTA_TUPLE_ORIG), attrs.view(CTA_ZONE).value_or(std::string_view()),
              attrs.u32(CTA_ID)};
}

// By its tuple, because 6.1 refuses a deletion with a filter, and by its id: a flow that began meanwhile is another one.
void put_deletion(Batch& out, net::Family family, const Flow& flow) {
  begin(out, IPCTNL_MSG_CT_DELETE, 0, family);
  out.put(CTA_TUPLE_ORIG | NLA_F_NESTED, flow.tuple);
  if (!flow.zone.empty()) out.put(CTA_ZONE, flow.zone);
  if (flow.id) out.put_u32(CTA_ID, *flow.id);
  out.accept(ENOENT);
}

using Wrong = std::function<bool(const Flow&)>;

void forget(Socket& netfilter, const std::set<Narrowed>& dumps, const Wrong& wrong) {
  for (const Narrowed& narrowed : dumps) {
    Batch request;
    begin(request, IPCTNL_MSG_CT_GET, NLM_F_DUMP, narrowed.family);
    put_filter(request, narrowed);
    std::vector<Batch> deletions;
    netfilter.dump(
        request, [&] { deletions.clear(); },
        [&](const nlmsghdr& message) {
          const auto flow = read_flow(message);
          if (!flow || !wrong(*flow)) return;
          if (deletions.empty() || deletions.back().size() == kAtOnce) deletions.emplace_back();
          put_deletion(deletions.back(), narrowed.family, *flow);
        });
    for (Batch& some : deletions) netfilter.send_or_throw(some);
  }
}

bool leads_by(const Flow& flow, const plan::Mapping& m) {
  return flow.original.destination_port == m.host_port && flow.reply.source == m.address &&
         flow.reply.source_port == m.port && (!m.host_ip || *m.host_ip == flow.original.destination);
}

std::vector<plan::Mapping> udp_of(const std::vector<plan::Mapping>& mappings) {
  std::vector<plan::Mapping> out;
  for (const plan::Mapping& m : mappings)
    if (m.protocol == "udp") out.push_back(m);
  return out;
}

std::set<std::uint16_t> host_ports(const std::vector<plan::Mapping>& mappings) {
  std::set<std::uint16_t> ports;
  for (const plan::Mapping& m : mappings) ports.insert(m.host_port);
  return ports;
}

// One dump for each port, or one for all: each walks the whole table.
constexpr std::size_t kFewPorts = 4;

}  // namespace

void forget_stale_udp(Socket& netfilter, Socket& route, const std::vector<plan::Mapping>& mappings) {
  const std::vector<plan::Mapping> udp = udp_of(mappings);
  if (!may_track_udp_to(host_ports(udp))) return;
  std::set<Narrowed> dumps;
  for (const plan::Mapping& m : udp) dumps.insert({m.address.family, m.host_port, {}});
  if (dumps.size() > kFewPorts) {
    dumps.clear();
    for (const plan::Mapping& m : udp) dumps.insert({m.address.family, {}, {}});
  }
  std::optional<std::set<net::Ip>> own;
  const auto is_own = [&](const net::Ip& ip) {
    if (ip.is_loopback()) return true;
    if (!own) {
      own.emplace();
      for (const net::Cidr& cidr : addresses(route, 0)) own->insert(cidr.ip);
    }
    return own->contains(ip);
  };
  forget(netfilter, dumps, [&](const Flow& flow) {
    bool asked = false;
    for (const plan::Mapping& m : udp) {
      if (m.host_port != flow.original.destination_port) continue;
      if (leads_by(flow, m)) return false;
      asked = asked || !m.host_ip || *m.host_ip == flow.original.destination;
    }
    return asked && is_own(flow.original.destination);
  });
}

void forget_udp_to(Socket& netfilter, const std::vector<plan::Mapping>& mappings) {
  const std::vector<plan::Mapping> udp = udp_of(mappings);
  if (!may_track_udp_to(host_ports(udp))) return;
  std::set<Narrowed> dumps;
  for (const plan::Mapping& m : udp) dumps.insert({m.address.family, {}, m.address});
  if (dumps.size() > kFewPorts) {
    dumps.clear();
    for (const plan::Mapping& m : udp) dumps.insert({m.address.family, {}, {}});
  }
  forget(netfilter, dumps, [&](const Flow& flow) {
    return std::any_of(udp.begin(), udp.end(), [&](const plan::Mapping& m) { return leads_by(flow, m); });
  });
}

}  // namespace trestle::kernel
