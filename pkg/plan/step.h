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

namespace trestle::plan {

enum class Where : std::uint8_t { host, pod };  // the host's network namespace, or the pod's

struct LinkRef {
  Where where = Where::host;
  net::IfName name;
  auto operator<=>(const LinkRef&) const = default;
};

// A value under /proc/sys. `key` is a path ("net/ipv4/ip_forward"): interface names may hold dots.
// `at_least`: a higher number that is there already also holds (accept_ra). undo: none.
struct Sysctl {
  Where where = Where::host;
  std::string key, value;
  bool at_least = false;
  bool operator==(const Sysctl&) const = default;
};

// A file on the host, mode 0644, its directory made when missing. undo: unlink when the text is still ours.
struct File {
  std::string path, text;
  bool operator==(const File&) const = default;
};

// A switch in the host's namespace. undo: delete if its group is ours and no foreign port is in it, else leave and report.
struct Bridge {
  net::IfName link;
  net::Mac mac;
  std::uint32_t mtu = 0;
  std::uint32_t group = 0;
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

// Flags of a bridge port of ours. `guard`: a BPDU from the pod takes the port down. Also keeps IPv6 off the host end
// (addr_gen_mode none): it is a port, no host. undo: dies.
struct Port {
  net::IfName link;
  bool hairpin = false;
  bool isolated = false;
  bool guard = false;
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
  bool operator==(const Route&) const = default;
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

using Step = std::variant<Sysctl, File, Bridge, Veth, Up, Port, Address, Route, Rules, Elements, Announce>;

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};
template <class... F>
Overloaded(F...) -> Overloaded<F...>;

}  // namespace trestle::plan
