#include "kernel/bond.h"

#include <linux/if_bonding.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include <cerrno>

namespace trestle::kernel {

namespace {
constexpr std::uint32_t kLinkCheck = 100;  // ms between looks at the carrier; the kernel's default, 0, never fails over
}

void add_bond(Batch& batch, const plan::Bond& bond) {
  batch.begin(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, sizeof(ifinfomsg), bond.link.str() + ": create");
  batch.put_text(IFLA_IFNAME, bond.link.str());
  batch.put(IFLA_ADDRESS, bond.mac.bytes.data(), bond.mac.bytes.size());
  batch.put_u32(IFLA_GROUP, bond.group);
  // Not later: it gives members its own, and the 1500 that it is born with made jumbo NICs, and the host's LAN, drop what is larger.
  if (bond.mtu != 0) batch.put_u32(IFLA_MTU, bond.mtu);
  const std::size_t info = batch.open_nest(IFLA_LINKINFO);
  batch.put_text(IFLA_INFO_KIND, "bond");
  const std::size_t data = batch.open_nest(IFLA_INFO_DATA);
  batch.put_u8(IFLA_BOND_MODE, BOND_MODE_ACTIVEBACKUP);  // the one that the configuration lets through
  batch.put_u32(IFLA_BOND_MIIMON, kLinkCheck);
  batch.close_nest(data);
  batch.close_nest(info);
}

void change_bond(Batch& batch, const plan::Bond& wanted, const LinkInfo& there) {
  const auto change = [&](const char* deed, auto&& put) {
    batch.begin(RTM_NEWLINK, 0, sizeof(ifinfomsg), wanted.link.str() + ": " + deed);
    batch.put_text(IFLA_IFNAME, wanted.link.str());
    const std::size_t info = batch.open_nest(IFLA_LINKINFO);
    batch.put_text(IFLA_INFO_KIND, "bond");
    const std::size_t data = batch.open_nest(IFLA_INFO_DATA);
    put();
    batch.close_nest(data);
    batch.close_nest(info);
  };
  if (there.bond && there.bond->mode != wanted.mode) {
    for (const net::IfName& member : wanted.members) {
      set_master(batch, member, 0);
      batch.accept(ENODEV);  // the host lacks it
    }
    set_down(batch, wanted.link);
    change("set the mode", [&] { batch.put_u8(IFLA_BOND_MODE, BOND_MODE_ACTIVEBACKUP); });
  }
  if (there.bond && !there.bond->monitored)
    change("look after its members", [&] { batch.put_u32(IFLA_BOND_MIIMON, kLinkCheck); });
  if (wanted.mtu != 0 && there.mtu != wanted.mtu)
    set_link(batch, wanted.link, wanted.mtu, nullptr, std::nullopt, std::nullopt);
}

void enslave(Batch& batch, const net::IfName& nic, std::uint32_t bond_index) {
  set_down(batch, nic);
  set_master(batch, nic, bond_index);
}

}  // namespace trestle::kernel
