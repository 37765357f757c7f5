#include "app/adopt.h"

#include <map>
#include <nlohmann/json.hpp>

#include "app/stray.h"
#include "cni/result.h"
#include "kernel/address.h"
#include "kernel/link.h"
#include "kernel/vlan.h"
#include "net/alias.h"
#include "net/names.h"

namespace trestle::app {

namespace {

using Elements = std::map<std::string, std::vector<plan::Step>>;

class Adoption {
 public:
  Adoption(Session& session, const config::NetConf& conf, const store::PartRef& part)
      : session_(session), host_(session.context().route()), conf_(conf), part_(part) {}

  // What is known of the port goes into the record of its owner.
  void see(const kernel::LinkInfo& port, bool filters_vlans) {
    const auto owner = net::alias_owner(port.alias);
    if (port.kind != "veth" || !owner || port.group != net::link_group(session_.settings().state_dir, owner->network))
      return;
    const auto pod = kernel::get_peer(host_, port);
    if (!pod) return;  // it goes with its namespace just now
    const auto [it, fresh] = found_.try_emplace(*owner);
    if (fresh) it->second.record = begin(*owner);
    Found& found = it->second;
    const net::IfName host = net::IfName::parse(port.name), name = net::IfName::parse(pod->name);
    const net::Mac mac = pod->mac.value_or(net::Mac{});
    found.record.nics.push_back({name, host, conf_.bridge, mac});
    for (plan::Step& step : elements_[port.name]) found.record.plan.push_back(std::move(step));
    found.record.plan.push_back(
        plan::Veth{host, name, port.mac.value_or(net::Mac{}), mac, port.mtu, conf_.bridge, port.group, port.alias});
    const net::IfName ifb = net::ifb_name(host);
    if (kernel::get_link(host_, ifb)) found.record.plan.push_back(ifb_step(ifb, port.group, port.alias));
    found.result.interfaces.push_back({port.name, port.mac ? port.mac->str() : "", port.mtu, "", "", ""});
    found.result.interfaces.push_back({pod->name, mac.str(), pod->mtu, "/", "", ""});
    if (port.peer_netns) add_addresses(found, port, *pod, filters_vlans);
  }

  void commit() {
    for (auto& [owner, found] : found_) {
      // Its DEL is at work: it would leave the record behind.
      const auto lock = session_.store().locks().try_attachment(owner);
      if (!lock) continue;
      found.record.result = cni::to_json(found.result, cni::supported_versions().back());
      session_.store().adopt(found.record);
    }
    if (!found_.empty())
      session_.log().write(Log::Level::warn, "the state directory was lost; pods that live have a record again",
                           {{"switch", conf_.bridge.str()}, {"pods", std::to_string(found_.size())}});
  }

 private:
  struct Found {
    store::Record record;
    cni::Result result;
  };

  store::Record begin(const net::Owner& owner) {
    store::Record record;
    record.owner = owner;
    record.host_cookie = session_.identity().host_cookie;
    record.boot = session_.identity().boot;
    record.at = boottime();
    record.mode = conf_.mode;
    record.parts = {part_};
    record.segment = conf_.bridge.str();
    return record;
  }

  // In the switch's own segment, and in that of the VLAN that the port is in.
  void add_addresses(Found& found, const kernel::LinkInfo& port, const kernel::LinkInfo& pod, bool filters_vlans) {
    const std::uint16_t vlan = filters_vlans ? kernel::untagged_vlan(host_, port.index).value_or(0) : 0;
    for (const net::Cidr& cidr : kernel::addresses_there(host_, *port.peer_netns, pod.index)) {
      if (cidr.ip.family == net::Family::v6 && cidr.ip.is_link_local()) continue;
      found.result.ips.push_back({cidr, std::nullopt, static_cast<std::uint32_t>(found.result.interfaces.size() - 1)});
      const auto nic = static_cast<std::uint32_t>(found.record.nics.size() - 1);
      if (vlan <= 1) found.record.leases.push_back({conf_.bridge.str(), cidr.ip, nic});
      if (vlan != 0) found.record.leases.push_back({conf_.bridge.str() + "." + std::to_string(vlan), cidr.ip, nic});
      if (conf_.proxy_arp && conf_.uplink)
        found.record.plan.push_back(
            plan::Neighbour{{plan::Where::host, conf_.uplink->links.front()}, cidr.ip, {}, true});
    }
  }

  Session& session_;
  kernel::Socket& host_;
  const config::NetConf& conf_;
  const store::PartRef& part_;
  Elements elements_ = elements_by_link(session_);
  std::map<net::Owner, Found> found_;
};

}  // namespace

void adopt_ports(Session& session, const config::NetConf& conf, const store::PartRef& part) {
  kernel::Socket& host = session.context().route();
  const auto bridge = kernel::get_link(host, conf.bridge);
  if (!bridge || bridge->kind != "bridge") return;
  const auto ports = kernel::dump_links(host, bridge->index);
  if (ports.empty()) return;
  Adoption adoption(session, conf, part);
  for (const kernel::LinkInfo& port : ports) adoption.see(port, bridge->vlan_filtering);
  adoption.commit();
}

}  // namespace trestle::app
