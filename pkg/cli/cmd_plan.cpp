#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "app/facts.h"
#include "app/here.h"
#include "app/shared.h"
#include "app/tunnel.h"
#include "cli/command.h"
#include "cli/conf_file.h"
#include "cli/node.h"
#include "cli/words.h"
#include "cni/json.h"
#include "cni/merge.h"
#include "ipam/choose.h"
#include "modes/nics.h"
#include "modes/pod_mac.h"
#include "plan/step_json.h"

namespace trestle::cli {

using base::Code;
using base::Error;
using nlohmann::json;

namespace {

constexpr Option kOptions[] = {
    {"plugin", "N", "of a list, the N-th plugin (default: the one of type trestle)"},
    {"netns", "NAME|PATH", "the pod's namespace, which need not exist (default: example)"},
    {"container", "ID", "container id (default: derived from the namespace's name)"},
    {"ifname", "NAME", "the NIC in the pod (default: eth0)"},
    {"args", "K=V;K=V", "CNI_ARGS"},
    {"cap-args", "JSON", "what a runtime would have for the declared capabilities"},
    {"facts", "FILE", "instead of looking at this host: {\"mtu\":1500,\"ipv6\":true,\"raLinks\":[]}"},
    {"json", "", "the plan as JSON"},
};

plan::Facts read_facts(const app::World& world, const std::string& path) {
  const json document = read_json(world, path);
  return base::in_context(path, [&] {
    const cni::Field top(document, "");
    plan::Facts facts;
    for (const std::string& key : top.keys())
      if (key != "mtu" && key != "ipv6" && key != "raLinks")
        throw Error(Code::unsupported_field, key + ": unknown key; facts are mtu, ipv6, raLinks");
    if (const auto mtu = top.find("mtu")) facts.mtu = static_cast<std::uint32_t>(mtu->integer(68, 65535));
    if (const auto ipv6 = top.find("ipv6")) facts.ipv6 = ipv6->boolean();
    if (const auto links = top.find("raLinks"))
      for (const cni::Field& link : links->items()) facts.ra_links.push_back(net::IfName::parse(link.string()));
    return facts;
  });
}

// What a store without attachments would give: each pool's first address, or the one asked for. `last`: what an earlier NIC of the call has,
// by segment and pool.
std::vector<plan::LeasedIp> first_of(const store::Reservation& of, std::map<std::string, net::Ip>& last) {
  std::vector<plan::LeasedIp> out;
  for (const ipam::Want& want : of.wants) {
    const std::string pool = of.segment + " " + ipam::text(*want.set);
    const auto before = last.find(pool);
    const auto ip =
        want.wanted ? want.wanted
                    : ipam::next_free(*want.set, before == last.end() ? std::nullopt : std::optional(before->second),
                                      [](const net::Ip&) { return nullptr; });
    if (ip) last.insert_or_assign(pool, *ip);
    if (!ip) throw Error(Code::pool_full, "no address is left in " + ipam::text(*want.set));
    const ipam::Range* range = ipam::range_of(*want.set, *ip);
    out.push_back({{*ip, range->subnet.length}, range->gateway});
  }
  return out;
}

struct Survey {
  std::vector<plan::Facts> facts;   // of each NIC's switch
  std::vector<plan::Lease> leases;  // of each NIC
  std::string note;
};

std::vector<store::Reservation> reservations(const std::vector<const config::NetConf*>& nics, const net::Owner& owner) {
  std::vector<store::Reservation> out;
  for (const config::NetConf* nic : nics) {
    const net::IfName name = config::name_of(*nic, owner.ifname);
    out.push_back({modes::segment(*nic),
                   nic->ipam.delegate ? std::vector<ipam::Want>{} : ipam::match(nic->ipam.ranges, nic->requested_ips),
                   nic->requested_mac, modes::vm_nic(*nic, name)});
    if (out.back().vm && !out.back().mac) out.back().mac = modes::pod_mac(*nic, owner, name, {});
  }
  return out;
}

// This host as it is, as far as we may look.
Survey survey(const Arguments& arguments, const Console& console, const config::Settings& settings,
              const std::vector<const config::NetConf*>& nics, const net::Owner& owner) {
  Survey out;
  const auto given = arguments.find("facts");
  if (given) out.facts.assign(nics.size(), read_facts(console.world(), *given));
  const auto wanted = reservations(nics, owner);
  std::map<std::string, net::Ip> last;
  for (const store::Reservation& one : wanted)
    out.leases.push_back({first_of(one, last), {}, one.mac.has_value(), one.mac.has_value()});
  try {
    Node node(settings, console, app::Session::Access::read);
    if (!given)
      for (const config::NetConf* nic : nics) out.facts.push_back(app::current_facts(node.session, *nic));
    if (!node.session.has_store()) return out;
    const store::Store::Leased leased = node.session.store().peek_all(wanted);
    for (std::size_t i = 0; i < nics.size(); ++i)
      out.leases[i] = {leased[i].ips, {}, leased[i].news, leased[i].further_news};
    return out;
  } catch (const Error& e) {
    if (e.code != Code::store && e.code != Code::kernel && e.code != Code::kernel_lacks) throw;
    out.note = std::string("planned as if nothing were attached yet: ") + e.what();
  }
  if (given) return out;
  engine::Context host(0, 0);
  out.facts.assign(nics.size(), engine::read_facts(host));
  return out;
}

// Each switch's part once.
void add_shared(std::vector<plan::Step>& all, const std::vector<plan::Step>& steps) {
  for (const plan::Step& step : steps)
    if (std::find(all.begin(), all.end(), step) == all.end()) all.push_back(step);
}

int run_plan(const Arguments& arguments, const Console& console) {
  const cni::Request request = cli::request(cni::Command::add, arguments, console, "/run/netns/example");
  const PluginConf file = load_conf(arguments, console);
  engine::Context host(0, 0);
  config::NetConf conf = app::with_tunnels(host, config::parse(file.conf, request.args));
  config::place_default_routes(conf);
  config::check_names(conf, request.ifname);
  config::choose_tables(conf, request.ifname, false);
  const config::Settings settings = cli::settings(arguments, console, file.conf);
  const net::Owner owner{conf.name, request.container, request.ifname};
  const std::vector<const config::NetConf*> nics = config::nics(conf);
  Survey ground = survey(arguments, console, settings, nics, owner);

  plan::Plan plan{{conf.bridge, {}}, {}};
  std::vector<modes::AttachmentInput> inputs;
  for (std::size_t i = 0; i < nics.size(); ++i) {
    const config::NetConf& nic = *nics[i];
    if (nic.mtu) ground.facts[i].mtu = *nic.mtu;
    ground.leases[i].mac = modes::pod_mac(nic, owner, config::name_of(nic, owner.ifname), ground.leases[i].ips);
    add_shared(plan.shared.steps, modes::find(nic.mode).shared({nic, ground.facts[i], settings.state_dir}).steps);
    inputs.push_back({nic, ground.facts[i], settings.state_dir, owner, request.netns, ground.leases[i]});
  }
  plan.attachment = modes::attachment(inputs);
  cni::Result result = modes::result(inputs);
  if (conf.prev_result) result = cni::merge(*conf.prev_result, result);
  cni::check_expressible(result, conf.cni_version);

  if (arguments.has("json")) {
    const json document{{"schema", 1},
                        {"network", conf.name},
                        {"switch", conf.bridge.str()},
                        {"shared", plan::to_json(plan.shared.steps)},
                        {"attachment", plan::to_json(plan.attachment)},
                        {"result", cni::to_json(result, conf.cni_version)}};
    console.print(document.dump(2) + "\n");
  } else {
    console.print(text(plan, result));
  }
  for (const std::string& note : file.notes) console.note(note);
  if (!ground.note.empty()) console.note(ground.note);
  return kDone;
}

}  // namespace

const Command kPlan{
    "plan",
    "Before an attachment",
    "show what an attachment would be; changes nothing",
    "FILE is a .conf or .conflist, '-' is stdin. Three parts: what attachments of the network share on this\n"
    "host, what this one adds, and the result that the runtime gets. Each line is one kernel object; the\n"
    "same line stands in errors. Addresses are the next free ones, nothing is reserved. Needs no root,\n"
    "but only root sees which addresses are taken.\n"
    "\n"
    "Example\n"
    "  trestle plan net.conflist --netns pod-a --json | jq .result\n",
    {"FILE", 1, 1},
    kOptions,
    false,
    false,
    run_plan};

}  // namespace trestle::cli
