#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "app/attachment.h"
#include "app/firewall.h"
#include "app/shared.h"
#include "app/tunnel.h"
#include "base/text.h"
#include "cli/attachments.h"
#include "cli/command.h"
#include "cli/examine.h"
#include "cli/joined.h"
#include "cli/node.h"

namespace trestle::cli {

namespace {

constexpr Option kOptions[] = {
    {"ifname", "NAME", "of the attachments named, only this NIC's"},
    {"json", "", "as JSON: {\"attachments\":N,\"defects\":[{\"of\":…,\"text\":…}]}"},
};

struct Report {
  std::size_t checked = 0;
  std::vector<std::pair<std::string, std::string>> defects;  // of what, what
  std::set<net::IfName> apart;                               // with published ports and portIsolation
  std::map<net::IfName, bool> switches;                      // seen; do packets of its pods go by way of the host?
  std::set<net::IfName> on_lan;                              // of mode bridge
  bool routes = false;                                       // nat or routed is among them
  std::set<std::pair<std::string, std::string>> told;        // a switch's defects show in each of its attachments
  void add(const std::string& of, const std::string& text) {
    if (told.insert({of, text}).second) defects.emplace_back(of, text);
  }
};

bool publishes(const store::Record& record) {
  return std::ranges::any_of(record.plan,
                             [](const plan::Step& step) { return std::holds_alternative<plan::Publish>(step); });
}

// Published ports, and no way from port to port.
bool publishes_apart(const store::Record& record) {
  const bool apart = std::ranges::any_of(record.plan, [](const plan::Step& step) {
    const auto* port = std::get_if<plan::Port>(&step);
    return port != nullptr && port->isolated;
  });
  return apart && publishes(record) && !record.nics.empty();
}

// Waits for an ADD or DEL that is at work on it: half of one would look like damage.
void check_one(app::Session& session, const net::Owner& owner, Report& report) {
  const app::Held held = app::hold_attachment(session, owner);
  if (!held.record) return;  // it left meanwhile
  ++report.checked;
  const auto parts = app::parts_in_force(session);
  for (const store::Nic& nic : held.record->nics) {
    const std::string mode = joined(parts, *held.record, nic).mode;
    const bool routes = mode == "nat" || mode == "routed";
    bool& by_host = report.switches[nic.bridge];
    by_host = by_host || routes || (held.record->mode == "chained" && publishes(*held.record));
    report.routes = report.routes || routes;
    if (mode == "bridge") report.on_lan.insert(nic.bridge);
  }
  if (publishes_apart(*held.record)) report.apart.insert(held.record->nics.front().bridge);
  for (const Finding& finding : examine(session, *held.record, parts))
    report.add(finding.of ? "switch " + finding.of->str() : name_of(*held.record), finding.text);
}

// Else no packet of a pod's is for the host.
bool has_address(const std::vector<store::Part>& parts, const net::IfName& bridge) {
  return std::ranges::any_of(parts, [&](const store::Part& part) {
    return part.bridge == bridge && std::ranges::any_of(part.steps, [](const plan::Step& step) {
             const auto* address = std::get_if<plan::Address>(&step);
             return address != nullptr && address->link.where == plan::Where::host;
           });
  });
}

std::string text_of(const Report& report) {
  const std::string many = std::to_string(report.checked) + (report.checked == 1 ? " attachment" : " attachments");
  if (report.defects.empty()) {
    if (report.checked == 0) return "nothing is attached\n";
    return report.checked == 1 ? "the attachment is as configured\n" : "all " + many + " are as configured\n";
  }
  std::string out;
  for (const auto& [of, what] : report.defects) out += base::join({of, ": ", what, "\n"}, "");
  const std::size_t n = report.defects.size();
  return out + std::to_string(n) + (n == 1 ? " defect" : " defects") + " in " + many +
         "; 'trestle repair' mends what it can\n";
}

std::string json_of(const Report& report) {
  nlohmann::json defects = nlohmann::json::array();
  for (const auto& [of, what] : report.defects) defects.push_back({{"of", of}, {"text", what}});
  return nlohmann::json{{"attachments", report.checked}, {"defects", std::move(defects)}}.dump(2) + "\n";
}

int run_check(const Arguments& arguments, const Console& console) {
  Node node(settings(arguments, console, nlohmann::json::object()), console, app::Session::Access::read);
  Attachments all = attachments(node.session);
  Report report;
  if (!arguments.operands().empty()) {
    all.records = matching(all.records, arguments.operands().front());
  } else {
    for (const std::string& line : all.unreadable) report.add("store", line);
  }
  const auto nic = arguments.find("ifname");
  for (const store::Record& record : all.records)
    if (!nic || record.owner.ifname == *nic) check_one(node.session, record.owner, report);
  for (const auto& [bridge, line] : app::lost_entries(node.session))
    if (report.switches.contains(bridge)) report.add("switch " + bridge.str(), line);
  // A host may close itself on purpose: said, but no defect.
  for (const auto& [bridge, routed] : report.switches)
    for (const std::string& line :
         app::foreign_drops(node.session, bridge, routed, has_address(app::parts_in_force(node.session), bridge)))
      console.note(line);
  for (const auto& [bridge, line] : app::all_tunnel_notes(node.session))
    if (report.switches.contains(bridge)) console.note(line);
  for (const net::IfName& bridge : report.apart)
    if (const auto line = app::bridged_ports(bridge)) console.note(*line);
  for (const net::IfName& bridge : report.on_lan)
    if (const auto line = app::ports_past(node.session, bridge)) console.note(*line);
  if (const auto line = report.routes ? app::stopped_forwarding(node.session, {}) : std::nullopt) console.note(*line);
  console.print(arguments.has("json") ? json_of(report) : text_of(report));
  return report.defects.empty() ? kDone : kFailed;
}

}  // namespace

const Command kCheck{
    "check",
    "While pods run",
    "is everything as it was made?",
    "Asks the kernel for every object of every attachment (or of the one named: container id, pod, host link,\n"
    "address) and of what they share; prints a line for each that is not as it was made. Exit code 1 if\n"
    "there is any.\n"
    "\n"
    "Example\n"
    "  trestle check || trestle repair\n",
    {"[CONTAINER]", 0, 1},
    kOptions,
    true,
    false,
    run_check};

}  // namespace trestle::cli
