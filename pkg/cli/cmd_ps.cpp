#include <algorithm>
#include <nlohmann/json.hpp>

#include "app/shared.h"
#include "base/text.h"
#include "cli/attachments.h"
#include "cli/command.h"
#include "cli/joined.h"
#include "cli/node.h"
#include "cli/table.h"

namespace trestle::cli {

namespace {

constexpr std::size_t kShortId = 12;  // as container runtimes show ids
constexpr std::size_t kShortPod = 40;

constexpr Option kOptions[] = {
    {"wide", "", "also container id, switch, mode, virtual machine, namespace, and why the health is not ok"},
    {"json", "", "as JSON: a list of objects"},
};

std::string plain_addresses(const store::Record& record, std::size_t nic) {
  std::vector<std::string> out = addresses_of(record, nic);
  for (std::string& address : out) address.resize(std::min(address.find('/'), address.size()));
  return base::join(out, ",");
}

std::string short_pod(const store::Record& record) {
  return record.pod.empty() ? shortened(record.owner.container, kShortId + 1) : shortened(record.pod, kShortPod);
}

struct Known {
  bool wide = false;
  std::vector<store::Part> parts;
};

std::vector<std::string> row(const store::Record& record, std::size_t number, const Health& health,
                             const Known& known) {
  const bool wide = known.wide;
  const store::Nic& nic = record.nics[number];
  std::vector<std::string> cells = {record.owner.network, wide ? pod_of(record) : short_pod(record),
                                    nic.name.str(),       plain_addresses(record, number),
                                    nic.mac.str(),        host_link_of(nic),
                                    age(age_of(record)),  std::string(health.word)};
  if (wide)
    for (const std::string& more : {switch_of(nic), joined(known.parts, record, nic).mode, record.vm,
                                    record.owner.container, record.netns, health.why})
      cells.push_back(more);
  return cells;
}

nlohmann::json object(const store::Record& record, const Health& health, const Known& known) {
  nlohmann::json out{{"network", record.owner.network},
                     {"container", record.owner.container},
                     {"ifname", record.owner.ifname},
                     {"pod", record.pod},
                     {"mode", record.mode},
                     {"netns", record.netns},
                     {"addresses", addresses_of(record)},
                     {"nics", nics_json(record, known.parts)},
                     {"ageSeconds", age_of(record)},
                     {"health", health.word}};
  if (!record.vm.empty()) out["vm"] = record.vm;
  if (!record.nics.empty()) {
    out["mac"] = record.nics.front().mac.str();
    out["hostLink"] = host_link_of(record.nics.front());
    out["switch"] = switch_of(record.nics.front());
  }
  if (!health.why.empty()) out["why"] = health.why;
  return out;
}

int run_ps(const Arguments& arguments, const Console& console) {
  Node node(settings(arguments, console, nlohmann::json::object()), console, app::Session::Access::read);
  const Attachments all = attachments(node.session);
  Doctor doctor(node.session);
  const Known known{arguments.has("wide"),
                    node.session.has_store() ? app::parts_in_force(node.session) : std::vector<store::Part>{}};
  nlohmann::json list = nlohmann::json::array();
  std::vector<std::vector<std::string>> rows = {
      {"NETWORK", "POD", "NIC", "ADDRESSES", "MAC", "HOST-LINK", "AGE", "HEALTH"}};
  if (known.wide)
    for (const char* more : {"SWITCH", "MODE", "VM", "CONTAINER", "NETNS", "WHY"}) rows.front().emplace_back(more);
  for (const store::Record& record : all.records) {
    const Health health = doctor.look(record);
    list.push_back(object(record, health, known));
    for (std::size_t i = 0; i < record.nics.size(); ++i) rows.push_back(row(record, i, health, known));
  }
  console.print(arguments.has("json") ? list.dump(2) + "\n" : table(rows));
  for (const std::string& line : all.unreadable) console.note(line);
  return kDone;
}

}  // namespace

const Command kPs{
    "ps",
    "While pods run",
    "list who is attached",
    "One line per NIC: network, pod (or container id), the NIC's name in the pod, addresses, MAC, the link on\n"
    "this host, how long ago it was attached, and its health from a quick look:\n"
    "  ok        the host link is up and a port of its switch, which is as it was made; so is a guest's TAP\n"
    "  down      host link or switch is down\n"
    "  degraded  host link or switch is gone, the link is in no or another switch, or what the switch's\n"
    "            pods share (rules, gateway, guest services) or a TAP is not as it was made: --wide says what\n"
    "  gone      the pod's namespace is gone; 'trestle gc' takes the attachment away\n"
    "'trestle check' looks at everything.\n"
    "\n"
    "Example\n"
    "  trestle ps --json | jq -r '.[] | select(.health != \"ok\") | .container'\n",
    {},
    kOptions,
    false,
    false,
    run_ps};

}  // namespace trestle::cli
