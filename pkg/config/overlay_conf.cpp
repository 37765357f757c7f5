#include "config/overlay_conf.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "config/keys.h"
#include "net/names.h"

namespace trestle::config {

using base::Code;
using cni::Field;

namespace {

constexpr Key kOverlay[] = {
    {"vni"},
    {"port"},
    {"local"},
    {"layer"},
    {"control"},
    {"peers"},
    {"group"},
    {"peersFile"},
    {"node"},
    {"directRouting"},
    {"txChecksumOffload"},
    {"maxPeers"},
    {"type", Fate::foreign, "there is one: VXLAN"},
    {"mtu", Fate::foreign, "it stands beside \"overlay\", and is the pods'; the tunnel's follows from the underlay"},
    {"engine", Fate::foreign, "it is called \"control\" here"},
    {"mode", Fate::foreign, "it is called \"layer\" here: 2 or 3"},
    {"vtep", Fate::foreign, "this node's own is called \"local\""},
};
constexpr Key kPeer[] = {{"vtep"}, {"subnets"}, {"node"}, {"index"}};
constexpr Choice kControls[] = {{"static"}, {"multicast"}, {"evpn"}, {"etcd", false}, {"kubernetes", false}};
constexpr std::int64_t kMostVni = (1 << 24) - 1;
constexpr std::int64_t kMostIndex = 0xFFFFFFFF;
constexpr std::size_t kMostPeers = 20'000, kMostSubnets = 64, kMostName = 253;
constexpr std::size_t kMostFile = 1U << 24, kMostValues = 1U << 21;

// It is shown to people, and stands in a line of frr.conf.
std::string node_name(const Field& field) {
  std::string name = field.string();
  if (name.size() > kMostName || std::ranges::any_of(name, [](char c) { return c <= ' ' || c > '~'; }))
    field.refuse("\"" + base::printable(name) +
                 "\" is no name of a node: printable characters without spaces, at most " + std::to_string(kMostName));
  return name;
}

// What nobody's pods can have: routed into the tunnel it would be taken from the host.
net::Cidr pods_subnet(const Field& field) {
  const net::Cidr cidr = base::in_context(field.path(), [&] { return net::Cidr::parse_network(field.string()); });
  const net::Ip first = cidr.first(), last = cidr.last();
  if (cidr.length == 0 || first.is_unspecified() || first.is_loopback() || last.is_loopback() || first.is_multicast() ||
      last.is_multicast() || first.is_link_local())
    field.refuse("\"" + cidr.str() + "\" is no subnet that pods could have");
  return cidr;
}

net::Ip address(const Field& field) {
  const net::Ip ip = base::in_context(field.path(), [&] { return net::Ip::parse(field.string()); });
  if (ip.is_unspecified() || (ip.family == net::Family::v4 && ip.value == 0xffffffff) || ip.is_loopback() ||
      ip.is_multicast() || ip.is_link_local())
    field.refuse("\"" + ip.str() + "\" is no address that another node could send to");
  return ip;
}

Peer parse_peer(const Field& field) {
  field.must_be_object();
  check_keys(field, kPeer);
  const auto vtep = field.find("vtep");
  if (!vtep) field.refuse("\"vtep\" is missing: the node's address on the underlay, as \"192.0.2.2\"");
  Peer peer{address(*vtep), {}, {}};
  if (const auto node = field.find("node")) peer.node = node_name(*node);
  // 0 is a part as any other, not "none".
  if (const auto index = field.find_any("index"))
    peer.index = static_cast<std::uint32_t>(index->integer(0, kMostIndex));
  if (const auto list = field.find("subnets"))
    for (const Field& item : list->items()) {
      if (peer.subnets.size() == kMostSubnets)
        list->refuse("has more than " + std::to_string(kMostSubnets) + " entries");
      peer.subnets.push_back(pods_subnet(item));
    }
  return peer;
}

std::vector<Peer> parse_list(const Field& list) {
  std::vector<Peer> out;
  for (const Field& item : list.items()) {
    if (out.size() == kMostPeers) list.refuse("has more than " + std::to_string(kMostPeers) + " entries");
    out.push_back(parse_peer(item));
  }
  return out;
}

}  // namespace

net::IfName vtep_of(const Overlay& overlay) { return net::vtep_name(overlay.vni, overlay.port); }

bool is_direct(const Overlay& overlay, const Peer& peer, net::Family subnet) {
  return overlay.direct && (subnet == net::Family::v4 || peer.vtep.family == net::Family::v6) &&
         std::ranges::any_of(overlay.here->segments, [&](const net::Cidr& one) { return one.contains(peer.vtep); });
}

std::vector<Peer> parse_peers(const std::string& text, const std::string& path) {
  const cni::Json json =
      base::in_context(path, [&] { return cni::parse_json(text, Code::bad_config, kMostFile, kMostValues); });
  const Field top(json, path);
  if (json.is_array()) return parse_list(top);
  top.must_be_object();
  return parse_list(top.at("peers"));
}

std::optional<Overlay> parse_overlay(const Field& conf) {
  const auto field = conf.find("overlay");
  if (!field) return std::nullopt;
  check_keys(*field, kOverlay);
  Overlay out;
  const auto vni = field->find("vni");
  if (!vni)
    field->refuse("\"vni\" is missing: the number of the network on the wire, 1 to 16777215, the same on all nodes");
  out.vni = static_cast<std::uint32_t>(vni->integer(1, kMostVni));
  if (const auto port = field->find("port")) out.port = static_cast<std::uint16_t>(port->integer(1, 65535));
  if (const auto local = field->find("local")) out.local = local->string();
  if (const auto layer = field->find("layer")) out.layer = static_cast<int>(layer->integer(2, 3));
  if (const auto control = field->find("control")) out.control = choose(*control, kControls);
  if (const auto peers = field->find("peers")) out.peers = parse_list(*peers);
  if (const auto file = field->find("peersFile")) out.peers_file = file->string();
  if (const auto node = field->find("node")) out.node = node_name(*node);
  if (const auto offload = field->find_any("txChecksumOffload")) out.tx_checksum = offload->boolean();
  if (const auto direct = field->find("directRouting")) out.direct = direct->boolean();
  if (const auto most = field->find("maxPeers"))
    out.max_peers = static_cast<std::uint32_t>(most->integer(1, static_cast<std::int64_t>(kMostPeers)));
  if (const auto group = field->find("group")) {
    out.group = base::in_context(group->path(), [&] { return net::Ip::parse(group->string()); });
    if (!out.group->is_multicast())
      group->refuse("\"" + out.group->str() + "\" is no multicast group, as \"239.1.1.1\"");
  }
  if (!out.peers_file.empty() && out.peers_file.front() != '/')
    field->at("peersFile").refuse("\"" + base::printable(out.peers_file) + "\" is no absolute path");
  return out;
}

void check_overlay(const Field& conf, const NetConf& out) {
  if (!out.overlay) return;
  const Overlay& overlay = *out.overlay;
  const Field field = conf.at("overlay");
  if (out.mode == "chained") field.refuse("the interface is another plugin's; give this network a \"mode\"");
  if (out.uplink && out.mode == "bridge")
    field.refuse(
        "a LAN below the switch and a tunnel on it make a loop through every node that has both: leave "
        "\"uplink\" or \"overlay\" out");
  if (out.mode == "bridge" && overlay.layer == 3)
    field.refuse("mode \"bridge\" is one segment: layer 2; layer 3 is for \"nat\" and \"routed\"");
  if (out.mode == "isolated" && overlay.layer == 3)
    field.refuse("an isolated network has no router: layer 2; layer 3 is for \"nat\" and \"routed\"");
  if (overlay.control == "multicast" && !overlay.group)
    field.refuse("control \"multicast\" needs a \"group\", as \"239.1.1.1\"");
  if (overlay.control != "multicast" && overlay.group)
    field.at("group").refuse("is for control \"multicast\"; this is \"" + overlay.control + "\"");
  if (overlay.control == "multicast" && !(overlay.peers.empty() && overlay.peers_file.empty()))
    field.refuse("peers are listed for control \"static\" and \"evpn\"; multicast finds them by itself");
  if (field.find("maxPeers") && (overlay.layer != 2 || !is_listed(overlay)))
    field.at("maxPeers").refuse("is for layer 2 with a list of peers: no other sends a broadcast to each of them");
  if (overlay.direct && overlay.layer != 3)
    field.at("directRouting").refuse("is for layer 3: frames of one segment, layer 2, go through the tunnel alone");
  if (overlay.direct && out.port_isolation)
    field.at("directRouting").refuse("with \"portIsolation\" pods reach none on other nodes; leave one of the two out");
  if (overlay.layer == 3 && !is_listed(overlay))
    field.refuse("layer 3 needs control \"static\": \"" + overlay.control + "\" is for one segment, layer 2");
  if (out.vlan || !out.vlan_trunk.empty())
    field.refuse("VLANs and a tunnel on one switch are not supported; one network is one VNI");
}

}  // namespace trestle::config
