#include "cli/words.h"

#include "base/text.h"

namespace trestle::cli {

namespace {

constexpr const char* kIndent = "  ";

std::string indented(const std::string& lines, const std::string& by) {
  std::string out;
  for (const std::string& line : base::split(lines, '\n'))
    if (!line.empty()) out += by + line + "\n";
  return out;
}

std::string place(const cni::Interface& nic) { return (nic.sandbox.empty() ? "host:" : "pod:") + nic.name; }

std::string line_of(const cni::Interface& nic) {
  std::vector<std::string> parts;
  if (!nic.mac.empty()) parts.push_back("MAC " + nic.mac);
  if (nic.mtu) parts.push_back("MTU " + std::to_string(*nic.mtu));
  if (!nic.sandbox.empty()) parts.push_back("in " + nic.sandbox);
  return place(nic) + (parts.empty() ? "" : ": " + base::join(parts, ", "));
}

std::string line_of(const cni::ResultRoute& route) {
  std::string out = "route " + route.dst.str() + (route.gw ? " via " + route.gw->str() : " on-link");
  const auto put = [&](const char* word, const std::optional<std::uint32_t>& value) {
    if (value) out += std::string(" ") + word + " " + std::to_string(*value);
  };
  put("mtu", route.mtu);
  put("advmss", route.advmss);
  put("priority", route.priority);
  put("table", route.table);
  put("scope", route.scope);
  return out;
}

std::string line_of(const cni::Dns& dns) {
  std::string out = "dns";
  const auto put = [&](const char* word, const std::vector<std::string>& values) {
    if (!values.empty()) out += std::string(word) + base::join(values, " ");
  };
  put(" ", dns.nameservers);
  if (!dns.domain.empty()) out += " domain " + dns.domain;
  put(" search ", dns.search);
  put(" options ", dns.options);
  return out;
}

}  // namespace

std::string text(const std::vector<plan::Step>& steps) {
  std::string out;
  for (const plan::Step& step : steps) {
    out += kIndent + plan::describe(step) + "\n";
    if (const auto* rules = std::get_if<plan::Rules>(&step)) out += indented(rules->text, "      ");
  }
  return out;
}

std::string text(const cni::Result& result) {
  std::string out;
  for (const cni::Interface& nic : result.interfaces) out += kIndent + line_of(nic) + "\n";
  for (const cni::ResultIp& ip : result.ips) {
    const bool placed = ip.interface && *ip.interface < result.interfaces.size();
    out += kIndent + (placed ? place(result.interfaces[*ip.interface]) + ": " : std::string()) + "address " +
           ip.address.str() + (ip.gateway ? ", gateway " + ip.gateway->str() : "") + "\n";
  }
  for (const cni::ResultRoute& route : result.routes) out += kIndent + line_of(route) + "\n";
  if (!result.dns.empty()) out += kIndent + line_of(result.dns) + "\n";
  return out;
}

std::string text(const plan::Plan& plan, const cni::Result& result) {
  return "shared (switch " + plan.shared.bridge.str() + "):\n" + text(plan.shared.steps) + "\nattachment:\n" +
         text(plan.attachment) + "\nresult:\n" + text(result);
}

}  // namespace trestle::cli
