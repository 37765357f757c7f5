#include <nlohmann/json.hpp>

#include "app/shared.h"
#include "base/text.h"
#include "cli/attachments.h"
#include "cli/command.h"
#include "cli/examine.h"
#include "cli/joined.h"
#include "cli/node.h"
#include "cli/table.h"
#include "cli/words.h"
#include "plan/step_json.h"

namespace trestle::cli {

using nlohmann::json;

namespace {

constexpr Option kOptions[] = {
    {"ifname", "NAME", "only this NIC's attachment"},
    {"json", "", "as JSON: a list of objects"},
};

struct Seen {
  const store::Record& record;
  plan::Plan plan;
  Health health;
  std::vector<Finding> findings;
  const std::vector<store::Part>& parts;
};

std::string facts(const Seen& seen) {
  const store::Record& record = seen.record;
  std::string out;
  const auto put = [&](const char* what, const std::string& value) {
    if (!value.empty()) out += std::string(what) + std::string(12 - std::string_view(what).size(), ' ') + value + "\n";
  };
  put("network", record.owner.network + " (" + record.mode + ")");
  put("pod", record.pod);
  put("vm", record.vm);
  put("container", record.owner.container);
  put("nic", record.owner.ifname);
  put("namespace", record.netns);
  const bool several = record.nics.size() > 1;
  for (const store::Nic& nic : record.nics)
    put("host link",
        (host_link_of(nic).empty() ? "none" : host_link_of(nic)) +
            (switch_of(nic).empty() ? ", made by another plugin" : " on switch " + switch_of(nic)) +
            (several ? ", " + joined(seen.parts, record, nic).mode + ", of " + nic.name.str() : std::string()));
  for (const store::Nic& nic : record.nics) put("mac", nic.mac.str());
  put("addresses", base::join(addresses_of(record), ", "));
  put("age", age(age_of(record)));
  put("health", std::string(seen.health.word) + (seen.health.why.empty() ? "" : ": " + seen.health.why));
  return out;
}

std::string text_of(const Seen& seen) {
  std::string out = facts(seen) + "\n" +
                    text(seen.plan, cni::result_from_json(seen.record.result, cni::supported_versions().back())) +
                    "\ncheck:\n";
  if (seen.findings.empty()) out += "  everything is as it was made\n";
  for (const Finding& finding : seen.findings) out += "  " + finding.text + "\n";
  return out;
}

json json_of(const Seen& seen) {
  const store::Record& record = seen.record;
  json defects = json::array(), parts = json::array();
  for (const Finding& finding : seen.findings) defects.push_back(finding.text);
  for (const store::PartRef& part : record.parts)
    parts.push_back({{"switch", part.bridge.str()}, {"digest", part.digest}});
  return {{"network", record.owner.network},
          {"container", record.owner.container},
          {"ifname", record.owner.ifname},
          {"pod", record.pod},
          {"vm", record.vm},
          {"mode", record.mode},
          {"netns", record.netns},
          {"netnsCookie", record.netns_cookie},
          {"hostCookie", record.host_cookie},
          {"boot", record.boot},
          {"at", record.at},
          {"ageSeconds", age_of(record)},
          {"nics", nics_json(record, seen.parts)},
          {"addresses", addresses_of(record)},
          {"parts", std::move(parts)},
          {"shared", plan::to_json(seen.plan.shared.steps)},
          {"attachment", plan::to_json(seen.plan.attachment)},
          {"result", record.result},
          {"health", seen.health.word},
          {"defects", std::move(defects)}};
}

int run_inspect(const Arguments& arguments, const Console& console) {
  Node node(settings(arguments, console, json::object()), console, app::Session::Access::read);
  const auto found = matching(attachments(node.session).records, arguments.operands().front());
  const auto nic = arguments.find("ifname");
  const auto parts = node.session.has_store() ? app::parts_in_force(node.session) : std::vector<store::Part>{};
  Doctor doctor(node.session);
  json list = json::array();
  std::string out;
  for (const store::Record& record : found) {
    if (nic && record.owner.ifname != *nic) continue;
    const net::IfName bridge =
        record.parts.empty() ? net::switch_name(record.owner.network) : record.parts.front().bridge;
    const Seen seen{record,
                    {{bridge, app::shared_steps(record, parts)}, record.plan},
                    doctor.look(record),
                    examine(node.session, record, parts),
                    parts};
    list.push_back(json_of(seen));
    out += (out.empty() ? "" : "\n") + text_of(seen);
  }
  if (list.empty())
    throw base::Error(base::Code::bad_config, "'" + base::printable(arguments.operands().front()) + "' has no NIC '" +
                                                  base::printable(*nic) + "'");
  console.print(arguments.has("json") ? list.dump(2) + "\n" : out);
  return kDone;
}

}  // namespace

const Command kInspect{
    "inspect",
    "While pods run",
    "show all about one attachment",
    "WHO is a container id (or the beginning of one), a pod's name, a host link, an address or a MAC. Shows\n"
    "the record: who it is, every kernel object of it and of what it shares, the result that the runtime\n"
    "got, and what of it is not as it was made.\n"
    "\n"
    "Example\n"
    "  trestle inspect 10.88.0.2\n",
    {"WHO", 1, 1},
    kOptions,
    true,
    false,
    run_inspect};

}  // namespace trestle::cli
