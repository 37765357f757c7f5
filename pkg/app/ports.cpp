#include "app/ports.h"

#include <algorithm>
#include <set>

#include "engine/undo.h"
#include "kernel/link.h"
#include "kernel/nft_publish.h"
#include "kernel/route.h"

namespace trestle::app {

namespace {

std::vector<plan::Mapping> mappings_of(const store::Record& record) {
  std::vector<plan::Mapping> out;
  for (const plan::Step& step : record.plan)
    if (const auto* publish = std::get_if<plan::Publish>(&step))
      out.insert(out.end(), publish->mappings.begin(), publish->mappings.end());
  return out;
}

// One port of one address of the host, or of all: both cannot lead to two pods. Two pods of one VM have the very same mapping.
bool clash(const plan::Mapping& a, const plan::Mapping& b) {
  return a != b && a.protocol == b.protocol && a.host_port == b.host_port && a.address.family == b.address.family &&
         (!a.host_ip || !b.host_ip || *a.host_ip == *b.host_ip);
}

// The pod may be another state directory's: then its switch is in another group.
bool is_others(Session& session, const net::Ip& pod) {
  const auto index = kernel::link_towards(session.context().route(), pod);
  const auto link = index ? kernel::get_link(session.context().route(), *index) : std::nullopt;
  return link && link->kind == "bridge" && link->group != session.context().switches();
}

}  // namespace

std::optional<store::Record> port_holder(Session& session, const store::Record& mine) {
  const std::vector<plan::Mapping> wanted = mappings_of(mine);
  if (wanted.empty()) return std::nullopt;
  for (store::RecordFile& file : session.store().list()) {
    if (!file.record || file.record->owner == mine.owner || file.record->host_cookie != mine.host_cookie) continue;
    for (const plan::Mapping& theirs : mappings_of(*file.record))
      if (std::any_of(wanted.begin(), wanted.end(), [&](const plan::Mapping& m) { return clash(m, theirs); }))
        return std::move(file.record);
  }
  return std::nullopt;
}

std::vector<std::string> sweep_ports(Session& session) {
  // Before the records are read: an ADD writes its record first.
  std::vector<plan::Mapping> stray = kernel::list_published(session.context().nft());
  if (stray.empty()) return {};
  std::set<net::Ip> known;
  for (const store::RecordFile& file : session.store().list()) {
    if (!file.record) return {};  // it may be the one that names them
    for (const plan::Mapping& mapping : mappings_of(*file.record)) known.insert(mapping.address);
    for (const store::LeaseRef& lease : file.record->leases) known.insert(lease.ip);
  }
  std::erase_if(stray, [&](const plan::Mapping& mapping) {
    return known.contains(mapping.address) || is_others(session, mapping.address);
  });
  if (stray.empty()) return {};
  return engine::undo(session.context(), {plan::Publish{std::move(stray)}});
}

}  // namespace trestle::app
