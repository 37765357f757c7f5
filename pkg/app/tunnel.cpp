#include "app/tunnel.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/fd.h"
#include "base/hash.h"
#include "base/text.h"
#include "engine/apply.h"
#include "engine/file.h"
#include "engine/undo.h"
#include "kernel/link.h"
#include "kernel/nft.h"
#include "kernel/vxlan.h"
#include "modes/tunnel.h"
#include "net/names.h"
#include "overlay/desired.h"
#include "overlay/here.h"
#include "plan/step_json.h"

namespace trestle::app {

using base::Code;
using base::Error;
using nlohmann::json;

namespace {

constexpr std::size_t kMostFile = 1U << 24, kMostPeersFile = 1U << 20;

std::string read_peers_file(const config::Overlay& overlay) {
  if (overlay.peers_file.empty()) return "";
  const base::Fd file = base::try_open(overlay.peers_file, O_RDONLY | O_NONBLOCK);
  const auto text = file.valid() ? base::read_all(file.get(), kMostPeersFile) : std::nullopt;
  if (!text) base::throw_errno(errno, "overlay.peersFile " + overlay.peers_file + " cannot be read", Code::bad_config);
  return *text;
}

std::string host_name() {
  char name[256] = "";
  return ::gethostname(name, sizeof name - 1) == 0 ? name : "";
}

std::string folder(Session& session) { return session.settings().state_dir + "/overlay"; }
std::string state_path(Session& session, const net::IfName& vtep) {
  return folder(session) + "/" + vtep.str() + ".json";
}

// What was programmed, into which VTEP. nullopt: nothing that can be read.
struct State {
  net::IfName bridge, vtep;
  std::uint32_t index = 0;  // of the VTEP: made anew it has none of it
  std::string digest;
  std::vector<plan::Step> steps;
  plan::Elements guard;
};

std::optional<std::string> text_of(const std::string& path) {
  const base::Fd file = base::try_open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  return file.valid() ? base::read_all(file.get(), kMostFile) : std::nullopt;
}

// Does the file begin with that? The rest of it, thousands of peers, is none of an ADD's business.
bool begins_with(const std::string& path, const std::string& text) {
  const base::Fd file = base::try_open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  std::string seen(text.size(), '\0');
  return file.valid() && ::pread(file.get(), seen.data(), seen.size(), 0) == static_cast<ssize_t>(seen.size()) &&
         seen == text;
}

std::string first_line(const State& state) { return state.digest + " " + std::to_string(state.index) + "\n"; }

// The first line tells an ADD all that it asks; the rest is for repair.
std::string text_of(const State& state) {
  std::vector<plan::Step> all = state.steps;
  all.emplace_back(state.guard);
  return first_line(state) +
         json{{"schema", 1}, {"switch", state.bridge.str()}, {"vtep", state.vtep.str()}, {"steps", plan::to_json(all)}}
             .dump() +
         "\n";
}

std::optional<State> read_state(const std::string& path) try {
  const auto text = text_of(path);
  const auto end = text ? text->find('\n') : std::string::npos;
  if (end == std::string::npos) return std::nullopt;
  const json document = json::parse(std::string_view(*text).substr(end + 1));
  State out{net::IfName::parse(document.at("switch").get<std::string>()),
            net::IfName::parse(document.at("vtep").get<std::string>()),
            0,
            text->substr(0, text->find(' ')),
            plan::steps_from_json(document.at("steps")),
            {}};
  if (out.steps.empty() || !std::holds_alternative<plan::Elements>(out.steps.back())) return std::nullopt;
  out.guard = std::get<plan::Elements>(out.steps.back());
  out.steps.pop_back();
  return out;
} catch (const std::exception&) {
  return std::nullopt;
}

// What is programmed follows from this; making that for thousands of peers would cost an ADD more than all else.
std::string digest_of(const config::NetConf& nic) {
  const config::Here& here = *nic.overlay->here;
  std::string text = nic.bridge.str() + " " + std::to_string(nic.overlay->layer) + " " + here.local.str() + "\n";
  for (const config::Peer& peer : here.others) {
    text += peer.vtep.bytes() + peer.node;
    for (const net::Cidr& subnet : peer.subnets) text += subnet.ip.bytes() + static_cast<char>(subnet.length);
    text += '\n';
  }
  return base::hex(base::hash64(text), 16);
}

// Without its Steps.
State begin_state(const config::NetConf& nic) {
  std::vector<net::Ip> peers;
  for (const config::Peer& peer : nic.overlay->here->others) peers.push_back(peer.vtep);
  return {nic.bridge, net::vtep_name(nic.overlay->vni, nic.overlay->port),
          0,          digest_of(nic),
          {},         modes::peer_elements(nic, peers)};
}

std::vector<std::string> state_paths(Session& session) {
  std::vector<std::string> out;
  const std::unique_ptr<DIR, int (*)(DIR*)> dir(::opendir(folder(session).c_str()), ::closedir);
  while (const dirent* entry = dir ? ::readdir(dir.get()) : nullptr)
    if (std::string_view(entry->d_name).ends_with(".json")) out.push_back(folder(session) + "/" + entry->d_name);
  return out;
}

// One stands for all: a flush takes the whole set.
bool guarded(Session& session, const State& state) {
  if (state.guard.elements.empty()) return true;
  bool table_gone = false;
  const plan::Elements one{state.guard.table, state.guard.set, {state.guard.elements.front()}};
  return kernel::missing_elements(session.context().nft(), one, &table_gone).empty() && !table_gone;
}

// nullopt: the kernel has all.
std::optional<std::string> lost(Session& session, const net::IfName& vtep, const std::vector<plan::Step>& wanted) {
  const auto gone = overlay::difference(overlay::seen(session.context(), vtep), wanted).fresh;
  if (gone.empty()) return std::nullopt;
  return plan::describe(gone.front()) + ": is gone" +
         (gone.size() > 1 ? " (and " + std::to_string(gone.size() - 1) + " entries of peers more)" : "") +
         "; 'trestle repair' makes it again";
}

// A guard that is narrowed last and widened first loses no peer's packet.
overlay::Outcome program(Session& session, const State& state) {
  const store::Lock tables = session.store().locks().tables(session.deadline());
  engine::Context& context = session.context();
  if (!state.guard.elements.empty()) engine::apply_shared(context, {state.guard});
  const overlay::Outcome out = overlay::reconcile(context, state.vtep, state.steps);
  if (out.kept != 0) return out;
  plan::Elements old{state.guard.table, state.guard.set,
                     kernel::list_elements(context.nft(), state.guard.table, state.guard.set)};
  std::erase_if(old.elements, [&](const plan::Element& element) {
    return std::find(state.guard.elements.begin(), state.guard.elements.end(), element) != state.guard.elements.end();
  });
  if (!old.elements.empty()) static_cast<void>(engine::undo(context, {old}));
  engine::ensure_file(state_path(session, state.vtep), text_of(state));
  return out;
}

}  // namespace

config::NetConf with_tunnels(engine::Context& context, config::NetConf conf) {
  const auto here = [&](config::NetConf& nic) {
    if (nic.overlay)
      nic = overlay::as_here(context, nic, read_peers_file(*nic.overlay), host_name());
    else
      overlay::take_part(nic, std::nullopt);
  };
  here(conf);
  for (config::NetConf& nic : conf.more) here(nic);
  return conf;
}

overlay::Outcome sync_tunnel(Session& session, const config::NetConf& nic, bool unasked) {
  if (nic.overlay->control != "static") return {};
  State state = begin_state(nic);
  const auto index = kernel::link_index(session.context().route(), state.vtep);
  if (!index) return {};
  state.index = *index;
  if (unasked && begins_with(state_path(session, state.vtep), first_line(state)) && guarded(session, state)) return {};
  state.steps = overlay::desired(nic);
  return program(session, state);
}

std::vector<std::string> tunnel_defects(Session& session, const config::NetConf& nic) {
  std::vector<std::string> out;
  const net::IfName vtep = net::vtep_name(nic.overlay->vni, nic.overlay->port);
  const auto link = kernel::get_link(session.context().route(), vtep);
  if (!link) return out;  // its Step tells
  const config::Here& here = *nic.overlay->here;
  if (link->mtu > here.mtu)
    out.push_back("tunnel " + vtep.str() + ": its MTU " + std::to_string(link->mtu) + " is more than " +
                  here.underlay.str() + " carries now (" + std::to_string(here.mtu) +
                  "): larger frames vanish; raise the NIC's MTU, or give the network a smaller \"mtu\"");
  if (nic.overlay->control != "static") return out;
  if (auto line = lost(session, vtep, overlay::desired(nic))) out.push_back(std::move(*line));
  return out;
}

std::vector<std::pair<net::IfName, std::string>> lost_entries(Session& session) {
  std::vector<std::pair<net::IfName, std::string>> out;
  for (const std::string& path : state_paths(session))
    if (const auto state = read_state(path); state && kernel::link_index(session.context().route(), state->vtep))
      if (auto line = lost(session, state->vtep, state->steps)) out.emplace_back(state->bridge, std::move(*line));
  return out;
}

void follow_tunnel(Session& session, const config::NetConf& nic) {
  const net::IfName vtep = net::vtep_name(nic.overlay->vni, nic.overlay->port);
  kernel::Socket& host = session.context().route();
  const auto link = kernel::get_link(host, vtep);
  const auto info = link && link->group == session.context().switches() ? kernel::get_vxlan(host, vtep) : std::nullopt;
  if (!info || info->local == nic.overlay->here->local) return;
  kernel::Batch batch;
  kernel::set_vxlan_local(batch, vtep, nic.overlay->here->local);
  host.send_or_throw(batch);
}

std::vector<std::string> repair_tunnels(Session& session) {
  std::vector<std::string> left;
  for (const std::string& path : state_paths(session)) {
    auto state = read_state(path);
    if (!state) continue;
    try {
      const auto index = kernel::link_index(session.context().route(), state->vtep);
      if (!index) continue;
      state->index = *index;
      static_cast<void>(program(session, *state));
    } catch (const Error& e) {
      left.push_back("tunnel " + state->vtep.str() + ": " + e.what());
    }
  }
  return left;
}

void forget_tunnels(Session& session, const std::vector<plan::Step>& steps) {
  for (const plan::Step& step : steps)
    if (const auto* vxlan = std::get_if<plan::Vxlan>(&step)) {
      const std::string path = state_path(session, vxlan->link);
      for (const std::string& name : {path, path + ".trestle-new"})
        (void)::unlink(name.c_str());          // the latter of a call that was killed
      (void)::rmdir(folder(session).c_str());  // refused while another tunnel's is there
    }
}

}  // namespace trestle::app
