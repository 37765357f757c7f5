#pragma once
// The networks of a hypervisor. A mode is a pure function from values to values: it touches nothing, so it is tested as text.
#include <string>
#include <string_view>
#include <vector>

#include "cni/result.h"
#include "config/netconf.h"
#include "net/names.h"
#include "plan/facts.h"
#include "plan/plan.h"

namespace trestle::modes {

// What a switch is planned from: known before an address is chosen.
struct SwitchInput {
  const config::NetConf& conf;
  const plan::Facts& facts;
  std::string state_dir;
};

// What one attachment is planned from.
struct AttachmentInput {
  const config::NetConf& conf;
  const plan::Facts& facts;
  std::string state_dir;
  net::Owner owner;
  std::string netns;  // CNI_NETNS, for the result
  plan::Lease lease;
  std::vector<net::Family> pod_default =
      {};  // families that the pod has a default route of already, by a NIC of another call
  net::IfName nic() const { return config::name_of(conf, owner.ifname); }
};

// One network of DESIGN section 5. All modes stand in one table (modes.cpp); a new one is one file and one row.
struct Mode {
  std::string_view name;
  plan::Shared (*shared)(const SwitchInput&);
  std::vector<plan::Step> (*attachment)(const AttachmentInput&);
  net::Mac (*mac)(const config::NetConf&, const plan::Facts&);  // of the switch
};

// Of one NIC: what ADD answers, beside what earlier plugins of a chain made; known before ADD acts.
cni::Result result(const AttachmentInput& in);
// Leases and MACs are unique within it: the switch, or one VLAN of it.
std::string segment(const config::NetConf& conf);

// Throws Error{bug} for a name that config::parse() would not have let through.
const Mode& find(std::string_view name);

}  // namespace trestle::modes
