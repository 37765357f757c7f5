#include "config/runtime_conf.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "config/keys.h"
#include "config/words.h"

namespace trestle::config {

using cni::Field;

namespace {

constexpr std::size_t kMaxMappings = 4096;
// The kernel's buckets count bytes in 32 bits; CNI's numbers are bits.
constexpr std::int64_t kMaxBurst = 0xffffffffLL * 8, kMaxRate = 1'000'000'000'000;

PortMapping parse_mapping(const Field& object) {
  check_keys(object, mapping_keys());
  PortMapping out;
  out.host_port = static_cast<std::uint16_t>(object.at("hostPort").integer(1, 65535));
  out.container_port = static_cast<std::uint16_t>(object.at("containerPort").integer(1, 65535));
  if (const auto protocol = object.find("protocol")) {
    out.protocol = protocol->string();
    std::transform(out.protocol.begin(), out.protocol.end(), out.protocol.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    if (std::find(std::begin(kProtocols), std::end(kProtocols), out.protocol) == std::end(kProtocols))
      protocol->refuse("\"" + base::printable(protocol->string()) + "\" is none of tcp, udp and sctp");
  }
  if (const auto ip = object.find("hostIP")) {
    const net::Ip parsed = base::in_context(ip->path(), [&] { return net::Ip::parse(ip->string()); });
    if (parsed.is_multicast()) ip->refuse("\"" + parsed.str() + "\" is no address of a host");
    // 0.0.0.0 and :: are every address of their family; which one that is the pod's addresses tell.
    out.host_ip = parsed;
  }
  return out;
}

plan::Rate parse_rate(const Field& bandwidth, const char* rate_key, const char* burst_key) {
  const auto rate = bandwidth.find(rate_key), burst = bandwidth.find(burst_key);
  if (!rate && !burst) return {};
  if (!rate || !burst)
    bandwidth.refuse(std::string("\"") + rate_key + "\" and \"" + burst_key + "\" go together: both or neither");
  return {static_cast<std::uint64_t>(rate->integer(8, kMaxRate)),
          static_cast<std::uint64_t>(burst->integer(8, kMaxBurst))};
}

}  // namespace

void parse_capabilities(const Field& conf, const std::optional<Field>& runtime, NetConf& out) {
  if (const auto capabilities = conf.find("capabilities"))
    if (const auto declared = capabilities->find("portMappings"))
      out.publishes = declared->raw().is_boolean() && declared->boolean();
  if (!runtime) return;
  if (const auto list = runtime->find("portMappings")) {
    if (list->raw().size() > kMaxMappings) list->refuse("has more than " + std::to_string(kMaxMappings) + " entries");
    for (const Field& item : list->items()) {
      // A runtime names container ports that are not published with hostPort 0.
      item.must_be_object();
      if (!item.find("hostPort")) continue;
      const PortMapping mapping = parse_mapping(item);
      for (const PortMapping& other : out.port_mappings)
        if (other.protocol == mapping.protocol && other.host_port == mapping.host_port &&
            other.host_ip == mapping.host_ip && other != mapping)
          item.refuse("host port " + std::to_string(mapping.host_port) + "/" + mapping.protocol +
                      " is asked for twice");
      if (std::find(out.port_mappings.begin(), out.port_mappings.end(), mapping) == out.port_mappings.end())
        out.port_mappings.push_back(mapping);
    }
  }
  if (!out.port_mappings.empty()) out.publishes = true;
  if (const auto bandwidth = runtime->find("bandwidth")) {
    check_keys(*bandwidth, bandwidth_keys());
    for (const char* key : {"nonShapedSubnets", "unshapedSubnets", "shapedSubnets"})
      if (const auto subnets = bandwidth->find(key))
        unsupported(*subnets,
                    "has no counterpart: a limit holds for all of the pod's traffic, wherever it goes; leave it out");
    out.ingress = parse_rate(*bandwidth, "ingressRate", "ingressBurst");
    out.egress = parse_rate(*bandwidth, "egressRate", "egressBurst");
  }
}

}  // namespace trestle::config
