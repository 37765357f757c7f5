#pragma once
// The network configuration on stdin, as a finished value: a NetConf in hand is valid (DESIGN section 6 is its key
// table).
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/error.h"
#include "cni/request.h"
#include "cni/result.h"
#include "config/overlay.h"
#include "config/tap.h"
#include "ipam/range.h"
#include "net/ifname.h"
#include "net/ip.h"
#include "net/mac.h"
#include "plan/delegate.h"
#include "plan/facts.h"
#include "plan/step.h"

namespace trestle::config {

// hostAccess: everything, nothing, or these ports.
struct PortRef {
  std::uint16_t port = 0;
  std::string protocol;  // "tcp", "udp", "sctp"
  bool operator==(const PortRef&) const = default;
};
struct HostAccess {
  bool all = true;
  std::vector<PortRef> ports = {};  // when not all; empty: nothing
  bool none() const { return !all && ports.empty(); }
};

// The physical side of a switch: one NIC, a ready bond by its name, or NICs that become a bond of ours.
struct Uplink {
  std::vector<net::IfName> links;  // never empty
  std::string bond;                // "active-backup", or "" without one (then there is one link)
  bool take_addresses = false;     // the host's addresses on it move to the switch
  bool operator==(const Uplink&) const = default;
};

// One port of the host that leads to the pod (capability "portMappings"; ranges are several of these).
struct PortMapping {
  std::string protocol = "tcp";  // tcp, udp, sctp
  std::optional<net::Ip> host_ip;
  std::uint16_t host_port = 0, container_port = 0;
  bool operator==(const PortMapping&) const = default;
};

// Each node's own part of the ranges, so that nodes need not ask each other. One configuration serves all of them.
struct NodeRange {
  std::optional<std::uint8_t> v4, v6;  // prefix length of a node's part; absent: that family is not divided
  std::optional<std::uint32_t>
      index;  // which part is ours, from 0; absent: our entry's in the overlay's list of peers, or its place there
};

// The IPAM's part of the config.
struct IpamConf {
  std::optional<plan::Delegate> delegate;  // another plugin's IPAM: type and conf; then the rest is empty
  std::vector<ipam::RangeSet> ranges;      // one address from each set, in order; runtimeConfig.ipRanges stand first
  std::vector<cni::ResultRoute> routes;    // gw absent: the family's gateway
  std::optional<NodeRange> node_range = {};
  std::optional<std::uint32_t> part = {};  // of node_range, on this node; parse() leaves it out
};

// An interface that another plugin made, as the kernel and prevResult have it. parse() leaves it out.
struct Chained {
  net::IfName host_link;
  std::optional<plan::PortFlags> port;  // of a bridge: as that plugin left them
  std::uint32_t mtu = 1500;
  net::Mac mac;                     // the pod's side
  std::vector<plan::LeasedIp> ips;  // of that interface
  std::optional<net::Mac> bridge_mac = {};
};

// guestServices: at least one of the three. What they tell is the network's: `nameservers`, `search` and `domain` are those of the
// configuration's "dns".
struct GuestServices {
  bool dhcp = false;  // DHCPv4, DHCPv6
  bool ra = false;    // router advertisements that send guests to DHCPv6
  bool dns = false;
  std::vector<net::Ip> ntp = {};
  std::vector<net::Ip> nameservers = {};
  std::vector<std::string> search = {};
  std::string domain = {};
  std::vector<std::string> names = {};  // of this attachment: "vm1", "web-0", "web-0.default"; as the runtime has them
};

struct NetConf {
  std::string cni_version;  // checked, never ""
  std::string name;
  std::string mode =
      "nat";  // a name of modes::kModes; "chained", on an interface that another plugin made, when the config says
              // neither a mode nor anything of a network
  net::IfName bridge;                     // given or derived
  std::optional<std::uint32_t> mtu = {};  // 68..65535; absent: Facts
  IpamConf ipam = {};
  // Requests by precedence runtimeConfig > args.cni > CNI_ARGS: the first source that speaks of addresses wins whole,
  // likewise the MAC.
  std::vector<net::Cidr> requested_ips = {};  // bare = host length: no prefix asked
  std::optional<net::Mac> requested_mac = {};
  std::optional<std::uint32_t> source_table = {};  // choose_tables(): replies leave by this NIC, by that table
  std::optional<bool> default_route = {};          // absent: on the first NIC
  std::optional<bool> source_routing = {};         // absent: on where the pod has several NICs
  bool same_switch = false;                        // of several NICs: one more on the first one's switch
  bool shared_name = false;                        // of several NICs: other configurations may be of its network too
  bool spoof_check = true;
  bool hairpin = false;
  HostAccess host_access = {};
  std::optional<Tap> tap = {};  // device "tap"; absent: veth
  std::optional<Uplink> uplink = {};
  std::optional<std::uint16_t> vlan = {};        // access VLAN, 1..4094
  std::vector<plan::VlanRange> vlan_trunk = {};  // tagged ranges, in order, without overlaps
  bool preserve_default_vlan = false;
  bool port_isolation = false;
  bool proxy_arp = false;
  std::vector<net::Mac> allowed_macs = {};        // beside the pod's own
  std::vector<net::Cidr> allowed_addresses = {};  // beside the leases
  bool publishes = false;                         // the capability portMappings is declared, or ports are given
  std::vector<PortMapping> port_mappings = {};
  plan::Rate ingress = {}, egress = {};         // capability bandwidth; rate 0: no limit
  cni::Dns dns = {};                            // runtimeConfig > config
  std::optional<GuestServices> guests = {};     // DHCP, RA, DNS on the switch
  std::optional<Chained> chained = {};          // mode "chained"
  std::optional<cni::Result> prev_result = {};  // of a chain (ADD), or of our ADD (CHECK)
  std::string vm = {};                          // whose lease and MAC it is (net::vm_identity); "": the pod's own

  std::optional<Overlay> overlay = {};  // over many nodes

  // Several NICs of one call.
  std::optional<net::IfName> nic = {};              // its name in the pod; absent: the first one's, CNI_IFNAME
  std::vector<net::Family> default_elsewhere = {};  // families whose default route another NIC of the call has
  std::optional<bool> guests_default = {};  // are its network's guests told a default route? absent: by the mode
  std::vector<NetConf> more = {};           // further NICs (`interfaces`), each without any of its own
};

// All NICs of the call, the first one first.
std::vector<const NetConf*> nics(const NetConf& conf);
net::IfName name_of(const NetConf& nic, const std::string& ifname);
// Of several NICs, an error says which: "NIC eth1: …".
template <class F>
auto in_nic(const NetConf& conf, const NetConf& nic, F&& body) {
  if (conf.more.empty()) return std::forward<F>(body)();
  return base::in_context(nic.nic ? "NIC " + nic.nic->str() : "the first NIC", std::forward<F>(body));
}
// Throws Error{bad_config} when a NIC or a TAP of the call would have the name of another. `ifname`: CNI_IFNAME.
void check_names(const NetConf& conf, const std::string& ifname);
// Each family's default route goes to the NIC that asks for it, else to the first one that has one; the pod has its own, and the guest behind
// the call's TAPs another. Anew each time that more is known: a node's subnets, a delegate's answer. Throws Error{bad_config} when two ask.
void place_default_routes(NetConf& conf);
// Does it ask for the pod's default route in so many words? What a delegate answers is none of the configuration's.
bool asks_default(const NetConf& nic, net::Family family);
// Sets each NIC's `source_table`, by its name. `second`: the pod has a NIC of another call already that leads outside.
void choose_tables(NetConf& conf, const std::string& ifname, bool second);

// GC's list of what is valid. libcni sends both; the second is the name before the specification was corrected.
inline constexpr const char* kValidKeys[] = {"cni.dev/valid-attachments", "cni.dev/attachments"};

// What DEL, GC and VERSION read: nothing else in stdin can fail them.
struct Minimal {
  std::string cni_version, name;
  std::optional<std::vector<net::Owner>> valid;  // GC: nullopt when the key is absent; [] or null: none valid
  // Type and conf of each delegate: of the first NIC, then of `interfaces`. None where ipam.type is no plugin's name.
  struct Nic {
    std::string nic;  // "": the first
    plan::Delegate delegate;
    bool collects =
        true;  // GC: not where its network is other configurations' too, whose leases are none of this one's to collect
  };
  std::vector<Nic> delegates = {};
};

// `state_dir` etc. are not here: World-level settings (StateConf) are read by both.
struct Settings {
  std::string state_dir = "/run/trestle";
  std::string log_level = "warn";  // error warn info debug
  std::string log_file;            // "" = stderr
};

// Throws Error{bad_config} (7), {unsupported_field} (2: unknown keys with the nearest known one or its name here; modes
// and keys of later releases), {incompatible_version} (1), {decode}. `args` are the request's CNI_ARGS. Reads no file
// and no kernel.
NetConf parse(const nlohmann::json& json, const cni::Args& args);
// Throws for a bad cniVersion (1) or name (7) and what is no object (6) only; for GC, the verb that reads the valid
// attachments, also Error{bad_config} when their value is neither null nor a list of {containerID, ifname}: it must
// never be taken for "none valid".
Minimal parse_minimal(const nlohmann::json& json, cni::Command command = cni::Command::gc);

// `ignore` is for DEL and GC, which nothing in stdin may fail: a setting that ADD would have refused is then as good as
// absent.
enum class OnBadSetting : std::uint8_t { refuse, ignore };
// stateDir, logLevel, logFile. `env_dir` is TRESTLE_STATE_DIR; the config's key wins over it. A stateDir must be
// absolute, without ".."; it comes out without doubled or trailing slashes. Throws Error{bad_config},
// {unsupported_field} (logLevel), {bad_environment} (env_dir, whatever `on_bad`).
Settings parse_settings(const nlohmann::json& json, const std::optional<std::string>& env_dir,
                        OnBadSetting on_bad = OnBadSetting::refuse);

}  // namespace trestle::config
