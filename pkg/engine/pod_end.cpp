#include "engine/pod_end.h"

#include "base/text.h"

namespace trestle::engine {

std::string changed(const std::string& what, const std::string& found, const std::string& wanted) {
  return what + " is " + found + ", not " + wanted;
}

std::uint32_t wanted_mtu(const plan::Veth& step, const Override* by_chain) {
  return by_chain && by_chain->mtu ? *by_chain->mtu : step.mtu;
}

std::vector<std::string> pod_end_defects(const plan::Veth& step, const kernel::LinkInfo& pod, const Override* by_chain,
                                         bool renamed) {
  std::vector<std::string> out;
  const net::Mac mac = by_chain && by_chain->mac ? *by_chain->mac : step.pod_mac;
  const std::uint32_t size = wanted_mtu(step, by_chain);
  if (pod.mac != mac && !renamed)  // KubeVirt's binding gives the renamed end another
    out.push_back(changed("MAC of the pod end", pod.mac ? pod.mac->str() : "none", mac.str()));
  // A result before 1.1.0 cannot tell what `tuning` made of it; less does no harm.
  const bool untold = by_chain && !by_chain->mtu;
  if (pod.mtu > size || (pod.mtu < size && !untold))
    out.push_back(changed("MTU of the pod end", std::to_string(pod.mtu), std::to_string(size)));
  return out;
}

namespace {

// Did somebody stop it? The state is the kernel's own until it has noticed the carrier, and while the bridge is down.
bool is_stopped(kernel::Socket& host, const kernel::LinkInfo& port) {
  if (!port.disabled || !port.carrier_noticed) return false;
  const auto bridge = kernel::get_link(host, port.master);
  return bridge && bridge->up();
}

// By their names.
std::vector<std::string> other_flags(const plan::Port& step, const kernel::LinkInfo& port) {
  std::vector<std::string> wrong;
  if (port.hairpin != step.hairpin) wrong.emplace_back("hairpin");
  if (port.isolated != step.isolated) wrong.emplace_back("isolated");
  if (port.guard != step.guard) wrong.emplace_back("guard");
  if (port.locked && port.locked != step.locked) wrong.emplace_back("locked");
  const bool learns = !step.locked && (!step.was || step.was->learning);
  if (port.locked && port.learning != learns) wrong.emplace_back("learning");
  if (step.was) return wrong;
  if (!port.flood) wrong.emplace_back("flood");
  if (!port.without_ipv6) wrong.emplace_back("IPv6");
  return wrong;
}

}  // namespace

std::optional<std::string> port_defect(kernel::Socket& host, const plan::Port& step, const kernel::LinkInfo& port,
                                       bool ipv6_matters) {
  std::vector<std::string> wrong = other_flags(step, port);
  if (!ipv6_matters) std::erase(wrong, "IPv6");
  if (is_stopped(host, port)) wrong.emplace_back("state");
  return wrong.empty() ? std::nullopt : std::optional("other flags: " + base::join(wrong, ", "));
}

}  // namespace trestle::engine
