#include <nlohmann/json.hpp>

#include "app/uplink.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/node.h"
#include "kernel/link.h"

namespace trestle::cli {

namespace {

std::string addresses_of(const app::TakenUplink& uplink) {
  std::vector<std::string> out;
  for (const net::Cidr& address : uplink.addresses) out.push_back(address.str());
  return out.empty() ? "no address" : base::join(out, ", ");
}

std::string line_of(const app::TakenUplink& uplink) {
  return uplink.nic.str() + " on switch " + uplink.bridge.str() + ": " + addresses_of(uplink) +
         (uplink.parts_in_use == 0 ? ", no pods\n" : "\n");
}

int run_uplink(const Arguments& arguments, const Console& console) {
  const auto& words = arguments.operands();
  if (!words.empty() && words.front() != "release")
    throw UsageError("'" + words.front() + "' is nothing that uplink does", "release is");
  Node node(settings(arguments, console, nlohmann::json::object()), console, app::Session::Access::read);
  const std::string only = words.size() > 1 ? words[1] : "";
  std::string text;
  int code = kDone;
  std::vector<std::string> lenders;
  for (const app::TakenUplink& uplink : app::taken_uplinks(node.session)) {
    lenders.push_back(uplink.nic.str() + " (on switch " + uplink.bridge.str() + ")");
    if (!only.empty() && uplink.nic.str() != only && uplink.bridge.str() != only) continue;
    if (words.empty()) {
      text += line_of(uplink);
      continue;
    }
    const std::vector<std::string> left = app::release_uplink(node.session, uplink);
    text += addresses_of(uplink) + " of switch " + uplink.bridge.str() + ": back on " + uplink.nic.str() + "\n";
    for (const std::string& line : left) text += "left: " + line + "\n";
    if (!left.empty()) code = kFailed;
  }
  if (text.empty() && !only.empty()) {
    const bool known = kernel::get_link(node.session.context().route(), net::IfName::parse(only)).has_value();
    console.print(only + " has lent no addresses to a switch" + (known ? "" : ", and this host has no such link") +
                  (lenders.empty() ? "\n" : "; " + base::join(lenders, ", ") + " has\n"));
    return known ? kDone : kFailed;
  }
  console.print(text.empty() ? "no NIC has lent its addresses to a switch\n" : text);
  return code;
}

}  // namespace

const Command kUplink{
    "uplink",
    "While pods run",
    "NICs whose addresses are on a switch; give them back",
    "With \"takeAddresses\" the host's addresses and routes move from the NIC to the switch, and stay there when\n"
    "the last pod has gone. 'release' puts what is on the switch now back on the NIC and takes the switch down,\n"
    "without losing a connection; it refuses while pods are attached. Again is no error.\n"
    "\n"
    "Example\n"
    "  trestle uplink\n"
    "  trestle uplink release eth1\n",
    {"[release [NIC|SWITCH]]", 0, 2},
    {},
    true,
    true,
    run_uplink};

}  // namespace trestle::cli
