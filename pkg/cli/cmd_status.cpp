#include <nlohmann/json.hpp>

#include "app/here.h"
#include "app/verbs.h"
#include "cli/command.h"
#include "cli/conf_file.h"
#include "cli/node.h"
#include "modes/modes.h"

namespace trestle::cli {

namespace {

constexpr Option kOptions[] = {
    {"plugin", "N", "of a list, the N-th plugin (default: the one of type trestle)"},
};

std::string pools(app::Session& session, const config::NetConf& conf) {
  std::string out;
  for (const ipam::RangeSet& set : conf.ipam.ranges) {
    const store::PoolUse use = session.has_store() ? session.store().use(modes::segment(conf), set)
                                                   : store::PoolUse{ipam::capacity(set), 0, 0};
    out += "  " + ipam::text(set) + ": " + std::to_string(use.used) + " of " + std::to_string(use.capacity) +
           " in use" + (use.resting ? ", " + std::to_string(use.resting) + " resting" : "") + "\n";
  }
  return out;
}

int run_status(const Arguments& arguments, const Console& console) {
  const PluginConf file = load_conf(arguments, console);
  const config::NetConf conf = config::parse(file.conf, {});
  Node node(settings(arguments, console, file.conf), console, app::Session::Access::read);
  cni::Request asked;
  asked.command = cni::Command::status;
  asked.path = plugin_path(console);
  app::status(node.session, asked, conf);
  console.print("network " + conf.name + " can take attachments\n" +
                pools(node.session, app::with_tunnels(node.session, conf)));
  for (const std::string& note : file.notes) console.note(note);
  return kDone;
}

}  // namespace

const Command kStatus{
    "status",
    "Before an attachment",
    "can this host serve the network?",
    "Tries what the network needs in a namespace of its own that is thrown away, and looks at the store, the\n"
    "pools and the switch. Changes nothing. Exit code 1, with the reason, when an attachment would fail or\n"
    "existing ones are impaired.\n"
    "\n"
    "Example\n"
    "  trestle status net.conflist\n",
    {"FILE", 1, 1},
    kOptions,
    true,
    false,
    run_status};

}  // namespace trestle::cli
