#include "app/ground.h"

#include <algorithm>
#include <map>

#include "app/tunnel.h"
#include "base/error.h"
#include "modes/nics.h"

namespace trestle::app {

namespace {

// A switch that was made for a call which does not get its others. What fails is logged; DEL will take it away.
void let_go(Session& session, const net::Owner& owner, std::vector<store::Lock> locks,
            const std::vector<store::PartRef>& parts, const std::vector<store::PartRef>& fresh) noexcept try {
  static_cast<void>(session.store().drop_stray_refs(owner));
  for (const std::string& line : release_switches(session, std::move(locks), parts, fresh))
    session.log().write(Log::Level::error, "rollback left something; DEL will take it away", {{"what", line}});
} catch (const std::exception&) {
}

}  // namespace

Ground::Ground(Session& session, const config::NetConf& conf, const net::Owner& owner) {
  std::map<net::IfName, std::vector<config::NetConf>> wanted;
  for (const config::NetConf* nic : config::nics(conf)) wanted[nic->bridge].push_back(*nic);
  try {
    for (const auto& [bridge, confs] : wanted) {
      switches_.push_back(hold_switch(session, confs, owner));
      for (const store::PartRef& part : switches_.back().parts)
        if (std::find(parts_.begin(), parts_.end(), part) == parts_.end()) parts_.push_back(part);
      for (const config::NetConf& nic : confs)
        if (nic.overlay) static_cast<void>(sync_tunnel(session, nic, Asked::by_add));
    }
  } catch (...) {
    if (!switches_.empty()) let_go(session, owner, take_locks(), parts_, fresh());
    throw;
  }
}

const plan::Facts& Ground::facts(const config::NetConf& nic) const {
  for (const Switch& one : switches_)
    if (one.parts.front().bridge == nic.bridge) return one.facts;
  throw base::Error(base::Code::bug, "switch " + nic.bridge.str() + " is not held");
}

std::vector<store::PartRef> Ground::fresh() const {
  std::vector<store::PartRef> out;
  if (flushed()) return out;
  for (const Switch& one : switches_) out.insert(out.end(), one.fresh.begin(), one.fresh.end());
  return out;
}

bool Ground::flushed() const {
  return std::ranges::any_of(switches_, [](const Switch& one) { return one.flushed; });
}

std::vector<store::Lock> Ground::take_locks() {
  std::vector<store::Lock> locks;
  for (Switch& one : switches_) locks.push_back(std::move(one.lock));
  return locks;
}

}  // namespace trestle::app
