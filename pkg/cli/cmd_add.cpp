#include <nlohmann/json.hpp>

#include "app/verbs.h"
#include "base/error.h"
#include "base/fd.h"
#include "cli/command.h"
#include "cli/conf_file.h"
#include "cli/node.h"
#include "cli/words.h"
#include "cni/json.h"
#include "kernel/netns.h"

namespace trestle::cli {

namespace {

constexpr Option kOptions[] = {
    {"netns", "NAME|PATH", "the pod's namespace: NAME is /run/netns/NAME"},
    {"ifname", "NAME", "the NIC in the pod (default: eth0)"},
    {"container", "ID", "container id (default: derived from the namespace's name)"},
    {"plugin", "N", "of a list, the N-th plugin (default: the one of type trestle)"},
    {"args", "K=V;K=V", "CNI_ARGS: \"IP=10.88.0.9;MAC=02:00:00:00:00:09\""},
    {"cap-args", "JSON", "what a runtime would have for the declared capabilities"},
    {"json", "", "the CNI result, as a runtime gets it"},
};

// In a person's words, before anything else: app::add() speaks to runtimes.
void must_exist(const std::string& netns) {
  if (kernel::open_netns(netns)) return;
  const std::string name = container_for(netns);
  throw base::Error(base::Code::bad_environment, "there is no network namespace " + netns,
                    netns == "/run/netns/" + name ? "'ip netns add " + name + "' makes it" : "");
}

int run_add(const Arguments& arguments, const Console& console) {
  const cni::Request request = cli::request(cni::Command::add, arguments, console, "");
  must_exist(request.netns);
  const PluginConf file = load_conf(arguments, console);
  for (const std::string& note : file.notes) console.note(note);
  const config::NetConf conf = config::parse(file.conf, request.args);
  Node node(settings(arguments, console, file.conf), console, app::Session::Access::write);
  app::add(node.session, request, conf, [&](const std::string& answer) {
    if (arguments.has("json")) return base::write_all(console.world().out, answer + "\n");
    const cni::Result result = cni::result_from_json(cni::parse_json(answer), conf.cni_version);
    return base::write_all(console.world().out,
                           request.container + " is attached to network " + conf.name + ":\n" + text(result));
  });
  return kDone;
}

}  // namespace

const Command kAdd{
    "add",
    "Attaching",
    "attach a network namespace, as a runtime would",
    "FILE is a .conf or .conflist, '-' is stdin. Of a list only Trestle's own plugin is run. All or nothing:\n"
    "when it fails, nothing is left.\n"
    "\n"
    "Example\n"
    "  ip netns add pod-a\n"
    "  trestle add net.conflist --netns pod-a --ifname eth0\n",
    {"FILE", 1, 1},
    kOptions,
    true,
    true,
    run_add};

}  // namespace trestle::cli
