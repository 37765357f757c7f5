#include <nlohmann/json.hpp>

#include "app/heal.h"
#include "cli/command.h"
#include "cli/node.h"

namespace trestle::cli {

namespace {

std::string text_of(const app::Repaired& report) {
  std::string out = std::to_string(report.attachments) + (report.attachments == 1 ? " attachment" : " attachments") + " looked at, " +
                    std::to_string(report.mended) + " mended\n";
  for (const std::string& line : report.left) out += "not mended: " + line + "\n";
  return out;
}

int run_repair(const Arguments& arguments, const Console& console) {
  Node node(settings(arguments, console, nlohmann::json::object()), console, app::Session::Access::read);
  if (!node.session.has_store()) {
    console.print(text_of({}));
    return kDone;
  }
  const app::Repaired report = app::repair(node.session);
  console.print(text_of(report));
  return report.left.empty() ? kDone : kFailed;
}

}  // namespace

const Command kRepair{
    "repair", "While pods run", "make again what was flushed or deleted by others",
    "Rebuilds the nftables tables, the switches and each living pod's links, addresses and routes from the\n"
    "records. Says what it mended; exit code 1 when something is left.\n"
    "\n"
    "Example\n"
    "  nft flush ruleset; trestle repair\n",
    {}, {}, true, true, run_repair};

}  // namespace trestle::cli
