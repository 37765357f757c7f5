#include "app/chain_end.h"

#include <algorithm>

#include "kernel/link.h"

namespace trestle::app {

namespace {

constexpr std::uint32_t kLeastIpv6Mtu = 1280;

// Does the guard let that MAC in by the NIC's port? One without a guard lets every MAC.
bool lets_pass(const store::Record& record, const store::Nic& nic, const net::Mac& mac) {
  bool guarded = false;
  for (const plan::Step& step : record.plan)
    if (const auto* some = std::get_if<plan::Elements>(&step); some && some->table == plan::Table::bridge)
      for (const plan::Element& element : some->elements) {
        if (element.key.size() != 2 || element.key.front() != plan::Field(nic.host_link)) continue;
        const auto* one = std::get_if<net::Mac>(&element.key.back());
        if (one && *one == mac) return true;
        guarded = guarded || one;
      }
  return !guarded;
}

// A guest on a TAP has MAC and MTU as its link was made with, and no plugin of the chain reaches it.
bool has_guest(const store::Record& record) {
  return std::ranges::any_of(record.plan,
                             [](const plan::Step& step) { return std::holds_alternative<plan::Tap>(step); });
}

const plan::Veth* veth_of(const store::Record& record, const store::Nic& nic) {
  for (const plan::Step& step : record.plan)
    if (const auto* veth = std::get_if<plan::Veth>(&step); veth && veth->host == nic.host_link) return veth;
  return nullptr;
}

}  // namespace

Overrides overrides(const cni::Result& prev, const store::Record& record) {
  Overrides out;
  for (const cni::Interface& interface : prev.interfaces) {
    const auto nic = std::find_if(record.nics.begin(), record.nics.end(),
                                  [&](const store::Nic& one) { return one.name.str() == interface.name; });
    if (interface.sandbox.empty() || nic == record.nics.end()) continue;
    engine::Override& to = out[nic->name];
    if (!interface.mac.empty()) to.mac = net::Mac::parse(interface.mac);
    to.mtu = interface.mtu;
  }
  return out;
}

Overrides tolerated(engine::Context& context, const store::Record& record) {
  Overrides out;
  for (const store::Nic& nic : record.nics) {
    const plan::Veth* veth = has_guest(record) ? nullptr : veth_of(record, nic);
    const auto link = veth ? kernel::get_link(context.pod_route(), veth->pod) : std::nullopt;
    if (!link) continue;
    engine::Override now{veth->pod_mac, veth->mtu};
    if (link->mac && lets_pass(record, nic, *link->mac)) now.mac = link->mac;
    if (link->mtu >= kLeastIpv6Mtu && link->mtu < veth->mtu) now.mtu = link->mtu;
    out[nic.name] = now;
  }
  return out;
}

std::vector<std::string> unguarded_macs(const store::Record& record, const Overrides& by_chain) {
  std::vector<std::string> out;
  for (const store::Nic& nic : record.nics) {
    const auto now = by_chain.find(nic.name);
    if (now == by_chain.end() || !now->second.mac || now->second.mac == nic.mac) continue;
    if (!lets_pass(record, nic, *now->second.mac))
      out.push_back("spoofCheck lets " + nic.mac.str() + " alone pass, and a later plugin gave " + nic.name.str() +
                    " MAC " + now->second.mac->str() +
                    ": nothing leaves the pod; name it in \"allowedMACs\", or "
                    "let the runtime ask for it by the capability \"mac\"");
  }
  return out;
}

}  // namespace trestle::app
