#pragma once
#include <optional>
#include <set>
#include <vector>

#include "kernel/netlink.h"
#include "plan/step.h"

namespace trestle::kernel {

// A static entry of the bridge that the port `port_index` belongs to; one that is there already is replaced.
void add_fdb(Batch& batch, std::uint32_t port_index, const plan::Fdb& fdb);
// One that is not there is passed over.
void delete_fdb(Batch& batch, std::uint32_t port_index, const plan::Fdb& fdb);
// The permanent entries of a VTEP: those that no frame and no routing daemon made. A dump of that link.
std::vector<plan::Fdb> tunnel_entries(Socket& socket, std::uint32_t link_index, const net::IfName& link);
// Those that frames made: where the VTEP believes a station to be.
std::vector<plan::Fdb> learned_entries(Socket& socket, std::uint32_t link_index, const net::IfName& link);
// The nodes that it sends to, whoever said so; a multicast group is none.
std::set<net::Ip> tunnel_ends(Socket& socket, std::uint32_t link_index, const net::IfName& link);
// Does the bridge of that port know the station behind that very port?
bool is_behind(Socket& socket, std::uint32_t port_index, const net::Mac& mac);
// A bridge's entry of a MAC in one VLAN (0: it does not filter). `fixed`: static, not learned.
struct Station {
  std::uint32_t bridge = 0, port = 0;  // ifindexes; station() does not tell the bridge
  std::uint16_t vlan = 0;
  bool fixed = false;
};
// By the bridge that the port belongs to.
std::optional<Station> station(Socket& socket, std::uint32_t port_index, const net::Mac& mac,
                               std::optional<std::uint16_t> vlan);
// Of that MAC, on all bridges of the namespace. A dump.
std::vector<Station> stations(Socket& socket, const net::Mac& mac);
bool has_fdb(Socket& socket, std::uint32_t port_index, const plan::Fdb& fdb);

}  // namespace trestle::kernel
