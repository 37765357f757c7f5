#include <nlohmann/json.hpp>

#include "app/verbs.h"
#include "cli/command.h"
#include "cli/conf_file.h"
#include "cli/node.h"

namespace trestle::cli {

namespace {

constexpr Option kOptions[] = {
    {"netns", "NAME|PATH", "the namespace as given to add; it may be gone"},
    {"ifname", "NAME", "the NIC in the pod (default: eth0)"},
    {"container", "ID", "container id (default: derived from the namespace's name)"},
    {"plugin", "N", "of a list, the N-th plugin (default: the one of type trestle)"},
};

int run_del(const Arguments& arguments, const Console& console) {
  const cni::Request request = cli::request(cni::Command::del, arguments, console, "");
  const PluginConf file = load_conf(arguments, console);
  const config::Minimal conf = config::parse_minimal(file.conf, cni::Command::del);
  Node node(settings(arguments, console, file.conf), console, app::Session::Access::write);
  const bool there = node.session.store().exists({conf.name, request.container, request.ifname});
  app::del(node.session, request, conf);
  console.print(request.container + " " + request.ifname +
                (there ? " is detached from network " : " was not attached to network ") + conf.name + "\n");
  return kDone;
}

}  // namespace

const Command kDel{
    "del",
    "Attaching",
    "detach it again",
    "Takes away all that the attachment's record names, whatever FILE says by now: of it only the network's\n"
    "name counts. What is gone already is no error, so it may be called twice.\n"
    "\n"
    "Example\n"
    "  trestle del net.conflist --netns pod-a --ifname eth0\n",
    {"FILE", 1, 1},
    kOptions,
    true,
    true,
    run_del};

}  // namespace trestle::cli
