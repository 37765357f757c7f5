#include "app/facts.h"

#include <fcntl.h>
#include <net/if.h>
#include <unistd.h>

#include <algorithm>

#include "base/error.h"
#include "base/fd.h"
#include "engine/context.h"
#include "engine/uplink.h"
#include "engine/vlans.h"
#include "kernel/address.h"
#include "kernel/link.h"
#include "kernel/sysctl.h"
#include "modes/gateway.h"
#include "modes/publish.h"
#include "net/names.h"

namespace trestle::app {

using base::Code;
using base::Error;

namespace {

// Has a small file of another program that line? No such file is no.
bool says(const std::string& path, const std::string& line) {
  const base::Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  char text[4096] = "\n";
  if (!file.valid() || ::read(file.get(), text + 1, sizeof text - 2) < 0) return false;
  return std::string_view(text).find("\n" + line + "\n") != std::string_view::npos;
}

// Who else on this host puts addresses on that NIC, as they say below /run (their own formats, by the NIC's index). "": nobody.
std::string manager_of(const kernel::LinkInfo& nic) {
  const std::string index = std::to_string(nic.index);
  if (says("/run/NetworkManager/devices/" + index, "managed=true")) return "NetworkManager";
  const std::string networkd = "/run/systemd/netif/links/" + index;
  for (const char* state : {"configured", "configuring", "pending", "degraded"})
    if (says(networkd, "ADMIN_STATE=" + std::string(state))) return "systemd-networkd";
  return {};
}

void refuse_unfit(Session& session, const config::NetConf& conf, const kernel::LinkInfo& nic) {
  const std::string subject = "uplink " + nic.name + " of network '" + conf.name + "'";
  if (nic.kind == "bridge")
    throw Error(Code::bad_config, subject + " is a bridge itself: name it as \"bridge\" and leave \"uplink\" out");
  if ((nic.flags & IFF_LOOPBACK) != 0) throw Error(Code::bad_config, subject + " is the loopback link");
  if (::access(("/sys/class/net/" + nic.name + "/phy80211").c_str(), F_OK) == 0)
    throw Error(Code::bad_config, subject +
                                      " is wireless: its access point takes frames from one MAC only; use mode "
                                      "\"nat\" or \"routed\", or a wired NIC");
  const auto master = nic.master == 0 ? std::nullopt : kernel::get_link(session.context().route(), nic.master);
  // A port of the network's own switch, or a member of the bond that is one, is where it should be.
  const bool own = master && master->group == session.context().switches() &&
                   (master->name == conf.bridge.str() || master->name == net::bond_name(conf.bridge).str());
  if (master && !own && master->group == session.context().switches())  // taken out there, it would be missed
    throw Error(Code::held, subject + " is a port of " + master->name +
                                " already; give this network that one as \"bridge\", or another NIC");
  if (master && !own)
    throw Error(Code::held, subject + " is a port of " + master->name +
                                " already; take it out there, or name that as the network's \"bridge\"" +
                                (master->kind == "bond" ? " or \"uplink\"" : ""));
  if (!conf.uplink->take_addresses) return;
  if (const std::string manager = manager_of(nic); !manager.empty())
    throw Error(Code::bad_config,
                subject + " is managed by " + manager +
                    ", which would put the addresses back that \"takeAddresses\" moves: make it leave "
                    "the NIC alone, or let it make the bridge and name that as \"bridge\"");
}

[[noreturn]] void refuse_missing(const config::NetConf& conf, const net::IfName& nic) {
  throw Error(Code::bad_config, "uplink " + nic.str() + " of network '" + conf.name +
                                    "': the host has no such NIC; plug it in, or name another");
}

void read_uplink(Session& session, const config::NetConf& conf, plan::Facts& facts) {
  kernel::Socket& host = session.context().route();
  std::vector<net::IfName> present;
  for (const net::IfName& name : conf.uplink->links) {
    const auto nic = kernel::get_link(host, name);
    if (!nic && conf.uplink->bond.empty()) refuse_missing(conf, name);
    if (!nic) continue;  // "one of which may fail": a bond does with the others
    present.push_back(name);
    if (conf.mode == "bridge") refuse_unfit(session, conf, *nic);
    // A bond has one MTU, which each of its NICs must be able to carry.
    facts.mtu = facts.uplink_mac ? std::min(facts.mtu, nic->mtu) : nic->mtu;
    if (!facts.uplink_mac) facts.uplink_mac = nic->mac;
    if (conf.mtu && conf.mode == "bridge" && *conf.mtu > nic->mtu)
      throw Error(Code::bad_config, "\"mtu\" " + std::to_string(*conf.mtu) + " is more than uplink " + name.str() +
                                        " carries (" + std::to_string(nic->mtu) + "): larger frames would vanish");
  }
  if (present.empty()) refuse_missing(conf, conf.uplink->links.front());
  if (conf.mode == "bridge")
    facts.taken = engine::read_taken(session.context(), present, conf.bridge, conf.uplink->take_addresses);
  // The MAC by which its neighbours know the host.
  if (const auto nic = facts.taken ? kernel::get_link(host, facts.taken->nic) : std::nullopt; nic && nic->mac)
    facts.uplink_mac = nic->mac;
}

// A bridge of somebody else's gets ports, nothing else: it must be as the network needs it.
void read_foreign(Session& session, const config::NetConf& conf, plan::Facts& facts) {
  const auto bridge = kernel::get_link(session.context().route(), conf.bridge);
  if (!bridge || bridge->kind != "bridge")
    throw Error(Code::bad_config, "network '" + conf.name +
                                      "': mode \"bridge\" without \"uplink\" needs a bridge that exists, and " +
                                      conf.bridge.str() + (bridge ? " is none" : " does not") +
                                      "; name the host's bridge in \"bridge\", or the NIC on the LAN in \"uplink\"");
  if (bridge->group == net::switch_group(session.settings().state_dir)) return;  // the mode says what to do
  facts.foreign = bridge->mac;
  facts.foreign_filters = bridge->vlan_filtering;
  facts.mtu = bridge->mtu;
  if (modes::filters_vlans(conf) && !bridge->vlan_filtering)
    throw Error(Code::bad_config, "network '" + conf.name + "' has VLANs, but bridge " + conf.bridge.str() +
                                      " does not filter them; it is not ours to change: ip link set " +
                                      conf.bridge.str() + " type bridge vlan_filtering 1");
}

}  // namespace

void refresh(Session& session, const config::NetConf& conf, plan::Facts& facts) {
  if (facts.foreign) {
    plan::Facts now = facts;
    read_foreign(session, conf, now);
    facts.mtu = now.mtu;
  }
  // Of mode bridge the Step tells.
  if (conf.uplink && conf.mode != "bridge")
    for (const net::IfName& nic : conf.uplink->links)
      if (!kernel::get_link(session.context().route(), nic)) refuse_missing(conf, nic);
}

void refuse_swallowed(Session& session, const config::NetConf& conf, const std::vector<plan::Step>& steps) {
  std::vector<net::IfName> members;
  for (const plan::Step& step : steps)
    if (const auto* bond = std::get_if<plan::Bond>(&step)) members = bond->members;
  for (const plan::Step& step : steps)
    if (const auto* vlans = std::get_if<plan::Vlans>(&step))
      if (const auto why = engine::swallowed(session.context(), *vlans, members))
        throw Error(Code::bad_config, "network '" + conf.name + "': " + *why);
}

plan::Facts fresh_facts(Session& session, const config::NetConf& conf) {
  plan::Facts facts = engine::read_facts(session.context());
  if (conf.uplink)
    read_uplink(session, conf, facts);
  else if (conf.mode == "bridge" && !conf.overlay)
    read_foreign(session, conf, facts);
  if (conf.chained) {
    facts.localnet = kernel::read_sysctl(modes::localnet_key(conf.bridge));
    const auto bridge = kernel::get_link(session.context().route(), conf.bridge);
    facts.foreign_filters = bridge && bridge->vlan_filtering;
  }
  if (conf.overlay && conf.overlay->here) {
    const config::Here& here = *conf.overlay->here;
    facts.mtu = here.mtu;
    facts.tunnel = plan::Facts::Tunnel{config::vtep_of(*conf.overlay), here.underlay, here.local, here.identity};
  }
  // All networks of one switch share its MTU: whoever comes next without an `mtu` of its own gets what the first one asked for.
  if (conf.mtu && !facts.foreign) facts.mtu = *conf.mtu;
  return facts;
}

plan::Facts current_facts(Session& session, const config::NetConf& conf) {
  if (session.has_store())
    if (auto facts = session.store().facts(conf.bridge)) {
      refresh(session, conf, *facts);
      return *facts;
    }
  return fresh_facts(session, conf);
}

}  // namespace trestle::app
