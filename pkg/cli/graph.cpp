#include "cli/graph.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/text.h"
#include "cli/attachments.h"
#include "cli/joined.h"

namespace trestle::cli {

namespace {

constexpr std::string_view kHead =
    "digraph trestle {\n"
    "  rankdir=LR;\n"
    "  graph [fontname=\"Helvetica\", fontsize=12];\n"
    "  node [fontname=\"Helvetica\", fontsize=11, shape=box, style=\"rounded,filled\", fillcolor=white];\n"
    "  edge [fontname=\"Helvetica\", fontsize=9, dir=none];\n";

// As a DOT string: names come from runtimes and configurations, and may hold anything.
std::string dot_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (c == '\n')
      out += "\\n";
    else if (static_cast<unsigned char>(c) >= 0x20 && c != '\x7f')
      out += c;
  }
  return out + "\"";
}

std::string vlan_text(const plan::Vlans& vlans) {
  std::vector<std::string> words;
  if (vlans.pvid) words.push_back(std::to_string(*vlans.pvid));
  for (const plan::VlanRange& range : vlans.tagged)
    words.push_back(std::to_string(range.first) + (range.last == range.first ? "" : "-" + std::to_string(range.last)) +
                    "t");
  return words.empty() ? "" : "VLAN " + base::join(words, ",");
}

struct Switch {
  std::string name;
  std::set<std::string> modes;
  std::vector<std::string> addresses;
  std::set<std::string> networks;
  std::map<std::string, std::string> uplinks;  // with what is said of them
  std::map<std::string, std::vector<std::string>> bonds;
  std::map<std::string, std::uint32_t> tunnels;  // by VTEP: the VNI
  std::uint32_t mtu = 0;
  bool ours = false;
};

void read_part(const store::Part& part, Switch& out) {
  std::map<std::string, std::string> vlans;
  for (const plan::Step& step : part.steps) {
    if (const auto* bridge = std::get_if<plan::Bridge>(&step)) {
      out.ours = true;
      out.mtu = bridge->mtu;
    } else if (const auto* address = std::get_if<plan::Address>(&step); address && address->link.name == part.bridge) {
      if (std::find(out.addresses.begin(), out.addresses.end(), address->cidr.str()) == out.addresses.end())
        out.addresses.push_back(address->cidr.str());
    } else if (const auto* uplink = std::get_if<plan::Uplink>(&step)) {
      out.uplinks[uplink->nic.str()];
    } else if (const auto* bond = std::get_if<plan::Bond>(&step)) {
      for (const net::IfName& member : bond->members) out.bonds[bond->link.str()].push_back(member.str());
    } else if (const auto* vxlan = std::get_if<plan::Vxlan>(&step)) {
      out.tunnels[vxlan->link.str()] = vxlan->vni;
    } else if (const auto* some = std::get_if<plan::Vlans>(&step); some && !some->self) {
      vlans[some->link.str()] = vlan_text(*some);
    }
  }
  for (auto& [nic, text] : out.uplinks)
    if (const auto it = vlans.find(nic); it != vlans.end() && text.find(it->second) == std::string::npos)
      text += (text.empty() ? "" : "; ") + it->second;
}

std::string switch_node(const Switch& one) {
  std::string label = one.name;
  if (!one.modes.empty())
    label += "\n" + base::join({one.modes.begin(), one.modes.end()}, ", ") + ": " +
             base::join({one.networks.begin(), one.networks.end()}, ", ");
  for (const std::string& address : one.addresses) label += "\n" + address;
  if (one.mtu != 0) label += "\nMTU " + std::to_string(one.mtu);
  if (!one.ours) label += "\n(not ours)";
  std::string out = "  " + dot_string("switch " + one.name) + " [label=" + dot_string(label) +
                    ", shape=box3d, style=filled, fillcolor=\"#dce9f7\"];\n";
  for (const auto& [nic, text] : one.uplinks) {
    const std::string node = dot_string("nic " + nic);
    const std::string seen = text.empty() ? "" : " [label=" + dot_string(text) + "]";
    out += "  " + node + " [label=" + dot_string(nic) + ", shape=cds, fillcolor=\"#f7ecd0\"];\n  " +
           base::join({dot_string("switch " + one.name), " -> ", node, seen, ";\n"}, "");
    if (const auto bond = one.bonds.find(nic); bond != one.bonds.end())
      for (const std::string& member : bond->second)
        out +=
            base::join({"  ", dot_string("nic " + member), " [label=", dot_string(member),
                        ", shape=cds, fillcolor=\"#f7ecd0\"];\n  ", node, " -> ", dot_string("nic " + member), ";\n"},
                       "");
  }
  for (const auto& [vtep, vni] : one.tunnels)
    out += "  " + dot_string("tunnel " + vtep) + " [label=\"other nodes\", shape=ellipse, style=dashed];\n  " +
           dot_string("switch " + one.name) + " -> " + dot_string("tunnel " + vtep) +
           " [style=dashed, label=" + dot_string("VXLAN " + std::to_string(vni)) + "];\n";
  for (const auto& [mode, text] : {std::pair{"nat", "as the host"}, std::pair{"routed", "routed"}})
    if (one.modes.contains(mode))
      out += "  \"outside\" [shape=ellipse, style=dashed];\n  " + dot_string("switch " + one.name) +
             " -> \"outside\" [style=dashed, label=" + dot_string(text) + "];\n";
  return out;
}

std::string vlans_on(const store::Record& record, const net::IfName& host_link) {
  for (const plan::Step& step : record.plan)
    if (const auto* vlans = std::get_if<plan::Vlans>(&step); vlans && vlans->link == host_link)
      return vlan_text(*vlans);
  return "";
}

// The TAP that this NIC is redirected to, which a virtual machine has open.
const plan::Tap* tap_of(const store::Record& record, const net::IfName& nic) {
  for (const plan::Step& step : record.plan)
    if (const auto* redirect = std::get_if<plan::Redirect>(&step); redirect && redirect->a == nic)
      for (const plan::Step& other : record.plan)
        if (const auto* tap = std::get_if<plan::Tap>(&other); tap && tap->link == redirect->b) return tap;
  return nullptr;
}

std::string nic_node(const Drawn& drawn, std::size_t number, const std::string& id) {
  const store::Record& record = drawn.record;
  const store::Nic& nic = record.nics.at(number);
  std::string label = nic.name.str();
  const plan::Tap* const tap = tap_of(record, nic.name);
  if (tap) label = tap->link.str() + " (TAP)";
  for (const std::string& address : addresses_of(record, number)) label += "\n" + address;
  label += "\n" + nic.mac.str();
  return "    " + id + " [label=" + dot_string(label) + (tap ? ", shape=component, style=filled" : "") +
         (drawn.health == "ok" ? "" : ", color=red, fontcolor=red, tooltip=" + dot_string(drawn.health)) + "];\n";
}

// Another plugin's interface that is no port of anything: its end on the host, or nothing that could be named.
std::string link_alone(const store::Nic& nic, const std::string& id) {
  const std::string name = nic.on_host ? nic.host_link.str() : "made by another plugin";
  const std::string node = dot_string("link " + nic.host_link.str());
  return "  " + node + " [label=" + dot_string(nic.on_host ? name + "\n(made by another plugin)" : name) +
         ", shape=cds, fillcolor=\"#f7ecd0\"];\n  " + id + " -> " + node + ";\n";
}

}  // namespace

std::string dot(const std::vector<Drawn>& attachments, const std::vector<store::Part>& parts) {
  std::map<std::string, Switch> switches;
  std::set<net::IfName> alone;
  for (const Drawn& drawn : attachments)
    for (const store::Nic& nic : drawn.record.nics)
      if (switch_of(nic).empty()) alone.insert(nic.host_link);
  for (const store::Part& part : parts) {
    if (alone.contains(part.bridge)) continue;
    Switch& one = switches[part.bridge.str()];
    one.name = part.bridge.str();
    read_part(part, one);
  }
  std::map<std::string, std::string> pods;  // what stands in the box of each; one pod may have several attachments
  std::vector<std::string> order;
  std::string edges;
  for (const Drawn& drawn : attachments) {
    const store::Record& record = drawn.record;
    const std::string& pod = record.owner.container;
    if (!pods.contains(pod)) {
      order.push_back(pod);
      const bool machine = !record.vm.empty() || std::ranges::any_of(record.nics, [&](const store::Nic& nic) {
        return tap_of(record, nic.name) != nullptr;
      });
      pods[pod] = "    label=" + dot_string(pod_of(record) + (record.vm.empty() ? "" : "\nVM " + record.vm)) +
                  ";\n    style=\"rounded,filled\";\n    fillcolor=\"" + (machine ? "#f2e9f7" : "#eef5ea") + "\";\n";
    }
    for (std::size_t i = 0; i < record.nics.size(); ++i) {
      const store::Nic& nic = record.nics[i];
      const Joined what = joined(parts, record, nic);
      const std::string id = dot_string("pod " + pod + " " + nic.name.str());
      if (switch_of(nic).empty()) {
        pods[pod] += nic_node(drawn, i, id);
        edges += link_alone(nic, id);
        continue;
      }
      Switch& one = switches[nic.bridge.str()];
      one.name = nic.bridge.str();
      one.modes.insert(what.mode);
      one.networks.insert(what.network);
      pods[pod] += nic_node(drawn, i, id);
      const std::string vlans = vlans_on(record, nic.host_link);
      edges += "  " + id + " -> " + dot_string("switch " + one.name) +
               " [label=" + dot_string(nic.host_link.str() + (vlans.empty() ? "" : "\n" + vlans)) + "];\n";
    }
  }
  std::string out(kHead);
  std::size_t number = 0;
  for (const std::string& pod : order)
    out += "  subgraph cluster_" + std::to_string(number++) + " {\n" + pods[pod] + "  }\n";
  for (const auto& [name, one] : switches) out += switch_node(one);
  return out + edges + "}\n";
}

}  // namespace trestle::cli
