#include <nlohmann/json.hpp>

#include "app/shared.h"
#include "cli/attachments.h"
#include "cli/command.h"
#include "cli/graph.h"
#include "cli/node.h"

namespace trestle::cli {

namespace {

int run_graph(const Arguments& arguments, const Console& console) {
  Node node(settings(arguments, console, nlohmann::json::object()), console, app::Session::Access::read);
  const Attachments all = attachments(node.session);
  const auto parts = node.session.has_store() ? app::parts_in_force(node.session) : std::vector<store::Part>{};
  Doctor doctor(node.session);
  std::vector<Drawn> drawn;
  for (const store::Record& record : all.records) drawn.push_back({record, doctor.look(record).word});
  console.print(dot(drawn, parts));
  for (const std::string& line : all.unreadable) console.note(line);
  return kDone;
}

}  // namespace

const Command kGraph{
    "graph",
    "While pods run",
    "draw the node's network, as Graphviz DOT",
    "Switches with their networks, addresses and uplinks, pods and virtual machines with their NICs, host\n"
    "links and VLANs, and the way out of each switch. What is not in order is red.\n"
    "\n"
    "Example\n"
    "  trestle graph | dot -Tsvg > network.svg\n",
    {},
    {},
    true,
    false,
    run_graph};

}  // namespace trestle::cli
