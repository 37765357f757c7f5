#include "app/node_part.h"

#include <algorithm>

#include "base/error.h"

namespace trestle::app {

// A node whose entry moved in the list has its neighbour's part, and would give what that one's pods have.
void keep_part(Session& session, const config::NetConf& conf, plan::Facts& facts) {
  if (!conf.ipam.part) return;
  const auto [kept, fresh] = facts.parts.try_emplace(conf.name, *conf.ipam.part);
  if (kept->second == *conf.ipam.part) return;
  for (const store::RecordFile& file : session.store().list())
    if (file.record && file.record->owner.network == conf.name)
      throw base::Error(base::Code::bad_config,
                        "ipam.nodeRange of network '" + conf.name + "': this node's part was number " +
                            std::to_string(kept->second) + ", which its pods have addresses of, and is number " +
                            std::to_string(*conf.ipam.part) +
                            " by its place in the list now; give each entry of the list an \"index\" that stays");
  kept->second = *conf.ipam.part;
}

bool keeps_parts(const std::vector<config::NetConf>& confs, const plan::Facts& facts) {
  return std::ranges::all_of(confs, [&](const config::NetConf& conf) {
    const auto kept = facts.parts.find(conf.name);
    return !conf.ipam.part || (kept != facts.parts.end() && kept->second == *conf.ipam.part);
  });
}

}  // namespace trestle::app
