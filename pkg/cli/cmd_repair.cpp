#include <nlohmann/json.hpp>
#include <set>

#include "app/heal.h"
#include "app/shared.h"
#include "cli/command.h"
#include "cli/node.h"
#include "engine/verify.h"

namespace trestle::cli {

namespace {

using Lines = std::set<std::string>;

// What is amiss with the switches: repair() makes them again unasked, so it does not tell.
Lines defects_of_switches(app::Session& session) {
  Lines lines;
  for (const store::Part& part : app::parts_in_force(session))
    for (const engine::Defect& defect : engine::verify(session.context(), part.steps))
      lines.insert("switch " + part.bridge.str() + ": " + defect.text);
  return lines;
}

std::string text_of(const app::Repaired& report, const Lines& before, const Lines& left) {
  std::string out;
  for (const std::string& line : before)
    if (!left.contains(line)) out += "mended: " + line + "\n";
  out += std::to_string(report.attachments) + (report.attachments == 1 ? " attachment" : " attachments") +
         " looked at, " + std::to_string(report.mended) + " mended; their nftables elements are put in again" +
         (report.entries == 0 ? "\n"
                              : ", and " + std::to_string(report.entries) +
                                    (report.entries == 1 ? " entry" : " entries") + " of tunnels' peers\n");
  for (const std::string& line : left) out += "not mended: " + line + "\n";
  return out;
}

int run_repair(const Arguments& arguments, const Console& console) {
  Node node(settings(arguments, console, nlohmann::json::object()), console, app::Session::Access::read);
  if (!node.session.has_store()) {
    console.print("nothing is attached\n");
    return kDone;
  }
  const Lines before = defects_of_switches(node.session);
  const app::Repaired report = app::repair(node.session);
  Lines left = defects_of_switches(node.session);
  left.insert(report.left.begin(), report.left.end());
  console.print(text_of(report, before, left));
  return left.empty() ? kDone : kFailed;
}

}  // namespace

const Command kRepair{
    "repair",
    "While pods run",
    "make again what was flushed or deleted by others",
    "Rebuilds the nftables tables, the switches and each living pod's links, addresses and routes from the\n"
    "records. Says what it mended; exit code 1 when something is left.\n"
    "\n"
    "Example\n"
    "  nft flush ruleset; trestle repair\n",
    {},
    {},
    true,
    true,
    run_repair};

}  // namespace trestle::cli
