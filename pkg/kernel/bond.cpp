#include "kernel/bond.h"

#include <linux/if_bonding.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include "kernel/link.h"

namespace trestle::kernel {

namespace {
constexpr std::uint32_t kLinkCheck = 100;  // ms between looks at the carrier; the kernel's default, 0, never fails over
}

void add_bond(Batch& batch, const plan::Bond& bond) {
  batch.begin(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, sizeof(ifinfomsg), bond.link.str() + ": create");
  batch.put_text(IFLA_IFNAME, bond.link.str());
  batch.put(IFLA_ADDRESS, bond.mac.bytes.data(), bond.mac.bytes.size());
  batch.put_u32(IFLA_GROUP, bond.group);
  const std::size_t info = batch.open_nest(IFLA_LINKINFO);
  batch.put_text(IFLA_INFO_KIND, "bond");
  const std::size_t data = batch.open_nest(IFLA_INFO_DATA);
  batch.put_u8(IFLA_BOND_MODE, BOND_MODE_ACTIVEBACKUP);  // the one that the configuration lets through
  batch.put_u32(IFLA_BOND_MIIMON, kLinkCheck);
  batch.close_nest(data);
  batch.close_nest(info);
}

void enslave(Batch& batch, const net::IfName& nic, std::uint32_t bond_index) {
  set_down(batch, nic);
  set_master(batch, nic, bond_index);
}

}  // namespace trestle::kernel
