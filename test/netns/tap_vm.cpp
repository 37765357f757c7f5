#include "tap_vm.h"

namespace trestle::test {

using nlohmann::json;

json tap_conf(const json& members) {
  json conf = demo_with({{"device", "tap"}});
  conf.update(members);
  return conf;
}

json tap_mode(const std::string& mode) {
  json conf = tap_conf({{"mode", mode}});
  if (mode == "bridge") {
    conf.erase("subnets");
    conf["uplink"] = "nic1";
  }
  return conf;
}

void wire_nic1() {
  // Without IPv6: its addresses and groups come and go by themselves.
  must_run(
      "ip link add nic1 type veth peer name plug1 && sysctl -qw net.ipv6.conf.nic1.disable_ipv6=1 "
      "net.ipv6.conf.plug1.disable_ipv6=1 && ip link set nic1 up && ip link set plug1 up && ip link show nic1");
}

Vm::Vm(const Node& node, const std::string& name, const json& conf, const Node::Env& env, const Opener& opener)
    : node_(node), pod_(name), conf_(conf), added_(node.must_add(pod_, conf, env)) {
  const json& interfaces = added_.json.at("interfaces");
  mac_ = interfaces.at(2).at("mac");
  tap_ = interfaces.at(3).at("name");
  for (const std::string& address : addresses_of(added_))
    if (ip4_.empty() && address.find(':') == std::string::npos) ip4_ = address;
  nic_ = std::make_unique<GuestNic>(pod_.netns(), tap_, opener);
}

json link_in(const Pod& pod, const std::string& link) {
  return json::parse(pod.must_exec("ip -d -j link show dev " + link)).at(0);
}

}  // namespace trestle::test
