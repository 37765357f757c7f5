#pragma once
// What Trestle can make: one struct per kind of kernel object. A Step names its object by name, never by index, touches
// nothing itself and is read by exactly four readers: apply, verify, undo (pkg/engine) and describe (here).
// Beside each struct stands what undoing it means: dies (with its link or namespace), delete, restore, none.
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "net/ifname.h"
#include "net/ip.h"
#include "net/mac.h"
#include "plan/overlay_step.h"
#include "plan/service_step.h"

namespace trestle::plan {

enum class Where : std::uint8_t { host, pod };  // the host's network namespace, or the pod's

struct LinkRef {
  Where where = Where::host;
  net::IfName name;
  auto operator<=>(const LinkRef&) const = default;
};

// A value under /proc/sys. `key` is a path ("net/ipv4/ip_forward"): interface names may hold dots.
// `at_least`: a higher number that is there already also holds (accept_ra). undo: restore to `was`; without, none.
struct Sysctl {
  Where where = Where::host;
  std::string key, value;
  bool at_least = false;
  std::optional<std::string> was = {};
  bool operator==(const Sysctl&) const = default;
};

// A file on the host, mode 0644, its directory made when missing. undo: unlink when the text is still ours.
struct File {
  std::string path, text;
  bool operator==(const File&) const = default;
};

// A switch in the host's namespace. `vlan_filtering`: at least; switched on when the first network with a VLAN comes, and left on.
// `snooping` (IGMP, MLD), likewise: for switches that reach beyond the node, where a querier may be. Elsewhere there is none, so that multicast goes to
// everybody either way, while each new port makes the kernel go through all ports' timers: a quarter of the ADD on a switch with 1,000 pods.
// undo: delete if its group is ours and no foreign port is in it, else leave and report.
struct Bridge {
  net::IfName link;
  net::Mac mac;
  std::uint32_t mtu = 0;
  std::uint32_t group = 0;
  bool vlan_filtering = false;
  bool snooping = false;
  bool operator==(const Bridge&) const = default;
};

// A veth pair made in one message, down, the host end a port of `master`. undo: delete the host end if its group is ours.
struct Veth {
  net::IfName host, pod;
  net::Mac host_mac, pod_mac;
  std::uint32_t mtu = 0;
  net::IfName master;
  std::uint32_t group = 0;
  std::string alias;  // for people: "network/container/ifname"
  bool operator==(const Veth&) const = default;
};

// `ipv6` false: the link gets no link-local address, and so says nothing (no DAD, MLD, router solicitation). undo: none.
struct Up {
  LinkRef link;
  bool ipv6 = true;
  bool operator==(const Up&) const = default;
};

// Flags of a bridge port of ours. `guard`: a BPDU from the pod takes the port down. `locked`: what does not come from a MAC of the
// static FDB (Fdb) is dropped and nothing is learned, where the kernel knows the flag (5.18). Also keeps IPv6 off the host end: it is a port, no
// host. undo: dies; on another plugin's link the flags as they were (`was`): its flooding, its learning without lock and its IPv6 are left alone.
struct PortFlags {
  bool hairpin = false, isolated = false, learning = true;
  bool operator==(const PortFlags&) const = default;
};
struct Port {
  net::IfName link;
  bool hairpin = false, isolated = false, guard = false, locked = false;
  std::optional<PortFlags> was = {};
  bool operator==(const Port&) const = default;
};

// undo: on a host link delete; on the pod's dies.
struct Address {
  LinkRef link;
  net::Cidr cidr;
  bool operator==(const Address&) const = default;  // always IFA_F_NODAD for IPv6: the IPAM is unique
};

// `via` absent: on-link. undo: host: delete; pod: dies.
struct Route {
  LinkRef dev;
  net::Cidr dst;
  std::optional<net::Ip> via;
  std::optional<std::uint32_t> table, metric, mtu, advmss, scope;  // table absent: main
  std::optional<std::uint32_t> nexthop = {};                       // by that Nexthop, in place of `via`
  std::optional<net::Ip> source = {};                              // of what this host sends by it
  bool operator==(const Route&) const = default;
};

// What has this source address is routed by that table, asked before the main one (`ip rule`). undo: delete in the namespace it was made
// in: a rule does not go with any link; dies with that one.
struct Rule {
  Where where = Where::pod;
  net::Cidr from;
  std::uint32_t table = 0;
  std::uint32_t priority = 0;
  bool operator==(const Rule&) const = default;
};

// Chains, sets and rules of nftables, as text in a small subset of nft's own syntax (grammar: kernel/nft_text.h).
// `name` tells whose they are: "tables" = what all switches share; else the switch's. undo: "tables": delete the tables;
// a switch's: delete its chains and sets.
struct Rules {
  std::string name;
  std::string text;
  bool operator==(const Rules&) const = default;
};

enum class Table : std::uint8_t { inet, bridge };  // the two families of table `trestle`

// One field of an element's key. An interface name prints quoted, so that text is unambiguous.
using Field = std::variant<net::IfName, net::Mac, net::Ip, net::Cidr>;

struct Element {
  std::vector<Field> key;
  std::string jump;  // chain that a verdict map's element jumps to; empty in a set
  bool operator==(const Element&) const = default;
};

// Elements of one set or map. undo: delete; an absent one is no error.
struct Elements {
  Table table = Table::inet;
  std::string set;
  std::vector<Element> elements;
  bool operator==(const Elements&) const = default;
};

// Tells the neighbours where the addresses of a pod's link are: gratuitous ARP and unsolicited NA. undo: none.
struct Announce {
  net::IfName link;  // in the pod
  net::Mac mac;
  std::vector<net::Ip> addresses;
  bool operator==(const Announce&) const = default;
};

// A station of the switch that does not move: a static FDB entry of the bridge that `link` is a port of, in `vlan`, or in every VLAN of that
// port: two networks on one switch may have the same addresses in different VLANs, and so the same MACs. With
// `dst`: of the VTEP `link` itself, the node that frames for this MAC go to (the zero MAC: those for everybody, and there may be many).
// undo: dies with its port; on another plugin's link delete.
struct Fdb {
  net::IfName link;
  net::Mac mac;
  std::optional<net::Ip> dst = {};
  std::optional<std::uint16_t> vlan = {};
  bool every_vlan = false;  // of a trunk: in each VLAN that its port has
  bool operator==(const Fdb&) const = default;
};

// Several NICs as one, of the switch's MTU, made by us; one that the host lacks is passed over while another is there. undo: delete, members up.
struct Bond {
  net::IfName link;
  std::string mode;  // "active-backup"
  std::vector<net::IfName> members;
  net::Mac mac;                      // the first member's, so that the switch keeps it while NICs come and go
  std::uint32_t group = 0, mtu = 0;  // no MTU: told by an older release
  bool operator==(const Bond&) const = default;
};

// A NIC of the host (or a bond) as a port of the switch, up. undo: no port any more, if its master is still this switch.
struct Uplink {
  net::IfName nic;
  net::IfName master;
  bool operator==(const Uplink&) const = default;
};

// VLANs from first to last of a bridge port.
struct VlanRange {
  std::uint16_t first = 0, last = 0;
  bool operator==(const VlanRange&) const = default;
};

// VLANs of a bridge port, or of the bridge itself (`self`). `pvid`: untagged in and out. `keep_default`: VID 1, which the kernel gives
// every port, stays; else it goes. undo: on the pod's port dies; on the bridge and its uplink the VIDs that no other part names are
// deleted.
struct Vlans {
  net::IfName link;
  bool self = false;
  std::optional<std::uint16_t> pvid;
  std::vector<VlanRange> tagged;
  bool keep_default = true;
  bool operator==(const Vlans&) const = default;
};

// One address of a NIC that goes to the switch, and one route by it.
struct TakenAddress {
  net::Cidr cidr;
  std::uint32_t scope = 0;
  std::optional<net::Ip> broadcast = {};
  std::uint32_t metric = 0;                          // of the subnet's route that the kernel makes for it
  bool no_prefix_route = false, deprecated = false;  // it makes none; no source of new connections
  std::string alias = {};                            // IPv4, what its label has behind the link's name: ":1"
  bool operator==(const TakenAddress&) const = default;
};
struct TakenRoute {
  net::Cidr dst;
  std::optional<net::Ip> via, source;
  std::uint32_t table = 0, metric = 0, protocol = 0, scope = 0;
  bool onlink = false;  // the gateway is there though no route says so: rented servers have it
  bool operator==(const TakenRoute&) const = default;
};

// The host's own addresses and routes move from the NIC to the switch that it becomes a port of. Recorded before anything is done; each
// message is harmless alone, and each address is at every moment on one of the two. undo: none, but by `trestle uplink release`.
struct TakeAddresses {
  net::IfName nic, bridge;
  std::vector<TakenAddress> addresses;
  std::vector<TakenRoute> routes;
  bool operator==(const TakeAddresses&) const = default;
};

// Ports of the host that lead to one of a pod. apply: map elements, then the stale UDP entries of conntrack go. undo: the elements whose
// value is ours, then conntrack.
struct Mapping {
  std::string protocol;            // tcp, udp, sctp
  std::optional<net::Ip> host_ip;  // absent: every address of the host
  std::uint16_t host_port = 0;
  net::Ip address;  // the pod's; its family is the mapping's
  std::uint16_t port = 0;
  bool operator==(const Mapping&) const = default;
};
struct Publish {
  std::vector<Mapping> mappings;
  bool operator==(const Publish&) const = default;
};

// A permanent neighbour. `proxy`: this host answers ARP or ND for the address on that link, and has no MAC for it. undo: delete.
struct Neighbour {
  LinkRef link;
  net::Ip ip;
  std::optional<net::Mac> mac;
  bool proxy = false;
  bool operator==(const Neighbour&) const = default;
};

// Bits per second and bits; a rate of 0 is no limit. `ingress` is what the pod receives, `egress` what it sends, as the capability
// "bandwidth" has it. Egress needs the pseudo link `ifb` on the host. undo: the ifb is deleted, the rest dies with the link.
struct Rate {
  std::uint64_t rate = 0, burst = 0;
  bool operator==(const Rate&) const = default;
};
struct Shape {
  net::IfName link;
  net::IfName ifb;
  Rate ingress, egress;
  std::uint32_t group = 0;
  std::uint32_t mtu = 0;
  std::string alias;  // of the ifb, as the veth's
  bool operator==(const Shape&) const = default;
};

// A persistent TAP in the pod's namespace for a hypervisor to open, made down. `owner`: the uid that may; without one anybody in that
// namespace could. `group`: the opener has to be in it too. `multi_queue`: as the opener opens it, else it gets EINVAL. `label`: SELinux, as far as
// the policy lets us. `alias`: for people, and how it is known as ours. undo: delete in the namespace it was made in; dies with that one.
struct Tap {
  net::IfName link;
  net::Mac mac;
  std::uint32_t owner = 0;
  std::optional<std::uint32_t> group;
  bool multi_queue = false;
  std::uint32_t mtu = 0;
  std::string label, alias;
  bool operator==(const Tap&) const = default;
};

// Every frame that comes in by one of two links in the pod goes out by the other, whatever it is: the kernel's own stack there sees none.
// undo: on an interface of another plugin both qdiscs are taken off, else dies with the links.
struct Redirect {
  net::IfName a, b;
  bool operator==(const Redirect&) const = default;
};

using Step = std::variant<Sysctl, File, Bridge, Veth, Up, Port, Address, Route, Rules, Elements, Announce, Fdb, Bond,
                          Uplink, Vlans, TakeAddresses, Publish, Neighbour, Shape, Tap, Redirect, Service, GuestHost,
                          Rule, Vxlan, Nexthop>;

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};
template <class... F>
Overloaded(F...) -> Overloaded<F...>;

}  // namespace trestle::plan
