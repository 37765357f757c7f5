#include "config/keys.h"

namespace trestle::config {
namespace {

// CONVENTIONS: a value the runtime has per pod, not per network.
constexpr std::string_view kCapability =
    "it is a value of the runtime's: declare it in \"capabilities\" and it comes in runtimeConfig";
constexpr std::string_view kInIpam = "it belongs into \"ipam\"";
constexpr std::string_view kShape = "rates are the capability \"bandwidth\", given in runtimeConfig";
constexpr std::string_view kPublish =
    "published ports are the capability \"portMappings\"; its other settings have no counterpart here";
constexpr std::string_view kVlan = "it is called \"vlan\" here";
constexpr std::string_view kNamedUplink = "the physical link is called \"uplink\" here";
constexpr std::string_view kNoSwitch = "there is no such switch: links and sysctls are set up by the mode";

constexpr Key kConf[] = {
    // CNI's own, and what Multus adds.
    {"cniVersion"},
    {"cniVersions"},
    {"name"},
    {"type"},
    {"args"},
    {"capabilities"},
    {"runtimeConfig"},
    {"prevResult"},
    {"dns"},
    {"disableCheck"},
    {"disableGC"},
    {"loadOnlyInlinedPlugins"},
    {"deviceID"},
    {"pciBusID"},
    // Ours.
    {"mode"},
    {"bridge"},
    {"mtu"},
    {"subnets"},
    {"ipam"},
    {"defaultRoute"},
    {"spoofCheck"},
    {"hostAccess"},
    {"device"},
    {"stateDir"},
    {"logLevel"},
    {"logFile"},
    {"hairpinMode"},
    {"uplink"},
    {"vlan"},
    {"vlanTrunk"},
    {"preserveDefaultVlan"},
    {"tap"},
    {"interfaces"},
    {"sourceRouting"},
    {"portIsolation"},
    {"guestServices"},
    {"proxyArp"},
    {"overlay"},
    {"allowedMACs"},
    {"allowedAddresses"},
    // bridge, ptp
    {"ipMasq", Fate::foreign, "mode \"nat\" masquerades by itself"},
    {"ipMasqBackend", Fate::foreign, "mode \"nat\" masquerades by itself, with nftables"},
    {"isGateway", Fate::foreign, "mode \"nat\" gives the switch the gateway address by itself"},
    {"isDefaultGateway", Fate::foreign, "the default route is set by the mode; \"defaultRoute\": false leaves it out"},
    {"forceAddress", Fate::foreign, "a switch has the addresses that its networks need"},
    {"macspoofchk", Fate::foreign, "it is called \"spoofCheck\" here, and is on"},
    {"promiscMode", Fate::foreign, kNoSwitch},
    {"enabledad", Fate::foreign, "addresses are unique by the store and need no DAD"},
    {"disableContainerInterface", Fate::foreign, kNoSwitch},
    // macvlan, ipvlan, vlan, host-device, SR-IOV, OVS
    {"master", Fate::foreign, kNamedUplink},
    {"masterDevice", Fate::foreign, kNamedUplink},
    {"device_name", Fate::foreign, kNamedUplink},
    {"linkInContainer", Fate::foreign, kNoSwitch},
    {"vlanId", Fate::foreign, kVlan},
    {"vlanID", Fate::foreign, kVlan},
    {"trunk", Fate::foreign, "it is called \"vlanTrunk\" here"},
    // IPAM on the wrong level
    {"subnet", Fate::foreign, "it is called \"subnets\" here, a list: \"subnets\": [\"10.88.0.0/16\"]"},
    {"ranges", Fate::foreign, kInIpam},
    {"rangeStart", Fate::foreign, kInIpam},
    {"rangeEnd", Fate::foreign, kInIpam},
    {"gateway", Fate::foreign, kInIpam},
    {"routes", Fate::foreign, kInIpam},
    {"exclude", Fate::foreign, kInIpam},
    {"addresses", Fate::foreign, "a fixed address is asked for by runtimeConfig.ips, args.cni.ips or CNI_ARGS"},
    {"resolvConf", Fate::foreign, "say \"dns\": {\"nameservers\": […]}"},
    {"ips", Fate::foreign, kCapability},
    {"mac", Fate::foreign, kCapability},
    {"ipRanges", Fate::foreign, kCapability},
    // tap, tuning
    {"owner", Fate::foreign, "it belongs into \"tap\""},
    {"group", Fate::foreign, "it belongs into \"tap\""},
    {"multiQueue", Fate::foreign, "it belongs into \"tap\""},
    {"selinuxContext", Fate::foreign, "it belongs into \"tap\""},
    {"sysctl", Fate::foreign, "chain the plugin \"tuning\" for it"},
    {"txQLen", Fate::foreign, "chain the plugin \"tuning\" for it"},
    {"promisc", Fate::foreign, "chain the plugin \"tuning\" for it"},
    {"allmulti", Fate::foreign, "chain the plugin \"tuning\" for it"},
    // portmap, bandwidth, firewall, sbr
    {"portMappings", Fate::foreign, kCapability},
    {"bandwidth", Fate::foreign, kCapability},
    {"snat", Fate::foreign, kPublish},
    {"masqAll", Fate::foreign, kPublish},
    {"markMasqBit", Fate::foreign, kPublish},
    {"externalSetMarkChain", Fate::foreign, kPublish},
    {"conditionsV4", Fate::foreign, kPublish},
    {"conditionsV6", Fate::foreign, kPublish},
    {"ingressRate", Fate::foreign, kShape},
    {"ingressBurst", Fate::foreign, kShape},
    {"egressRate", Fate::foreign, kShape},
    {"egressBurst", Fate::foreign, kShape},
    {"ingressPolicy", Fate::foreign, "each mode has its own policy; \"isolated\" is the strictest"},
    {"firewalldZone", Fate::foreign, kNoSwitch},
    {"backend", Fate::foreign, "there is one backend: nftables, by netlink"},
    {"table", Fate::foreign, "see \"sourceRouting\""},
    {"vni", Fate::foreign, "it belongs into \"overlay\""},
    {"peers", Fate::foreign, "it belongs into \"overlay\""},
    {"plugins", Fate::foreign,
     "this is a list of plugins: a plugin is handed one entry of it, with the list's name and cniVersion"},
};

constexpr Key kIpam[] = {
    {"type"},
    {"ranges"},
    {"subnet"},
    {"rangeStart"},
    {"rangeEnd"},
    {"gateway"},
    {"exclude"},
    {"routes"},
    {"nodeRange"},
    {"dataDir"},  // host-local's directory of leases: ours are in stateDir, so that a config can be taken over as it is
    {"resolvConf", Fate::foreign, "no file is read: say \"dns\": {\"nameservers\": […]} beside \"ipam\""},
    {"dns", Fate::foreign, "\"dns\" stands beside \"ipam\", not in it"},
    {"subnets", Fate::foreign, "\"subnets\" stands beside \"ipam\", not in it; here it is \"subnet\" or \"ranges\""},
    {"range", Fate::foreign, "it is called \"subnet\" here"},
    {"range_start", Fate::foreign, "it is called \"rangeStart\" here"},
    {"range_end", Fate::foreign, "it is called \"rangeEnd\" here"},
    {"addresses", Fate::foreign, "a fixed address is asked for by runtimeConfig.ips, args.cni.ips or CNI_ARGS"},
    {"daemonSocketPath", Fate::foreign, "the built-in IPAM is no DHCP client"},
};

constexpr Key kRange[] = {{"subnet"}, {"rangeStart"}, {"rangeEnd"}, {"gateway"}, {"exclude"}};

constexpr Key kRoute[] = {
    {"dst"},
    {"gw"},
    {"mtu"},
    {"advmss"},
    {"priority"},
    {"table"},
    {"scope"},
    {"metric", Fate::foreign, "it is called \"priority\" here"},
    {"via", Fate::foreign, "it is called \"gw\" here"},
    {"gateway", Fate::foreign, "it is called \"gw\" here"},
};

constexpr Key kDns[] = {
    {"nameservers"},
    {"domain"},
    {"search"},
    {"options"},
    {"servers", Fate::foreign, "it is called \"nameservers\" here (\"servers\" in runtimeConfig only)"},
    {"searches", Fate::foreign, "it is called \"search\" here (\"searches\" in runtimeConfig only)"},
};

constexpr Key kRuntime[] = {
    {"ips"},
    {"mac"},
    {"ipRanges"},
    {"dns"},
    {"portMappings"},
    {"bandwidth"},
    // Facts for other plugins, which runtimes hand to every plugin that declares them.
    {"aliases"},
    {"cgroupPath"},
    {"deviceID"},
    {"CNIDeviceInfoFile"},
    {"infinibandGUID"},
};

constexpr Key kRuntimeDns[] = {
    {"servers"},
    {"searches"},
    {"options"},
    {"nameservers", Fate::foreign, "it is called \"servers\" in runtimeConfig"},
    {"search", Fate::foreign, "it is called \"searches\" in runtimeConfig"},
};

constexpr Key kUplink[] = {
    {"links"},
    {"bond"},
    {"takeAddresses"},
    {"link", Fate::foreign, "it is called \"links\" here, a list"},
    {"mode", Fate::foreign, "a bond's mode is the value of \"bond\""},
};

constexpr Key kTrunk[] = {{"id"}, {"minID"}, {"maxID"}};

constexpr Key kMapping[] = {
    {"hostPort"},
    {"containerPort"},
    {"protocol"},
    {"hostIP"},
    {"name"},  // Kubernetes' and podman's own words, for people
    {"range", Fate::foreign, "a range is one entry per port"},
};

constexpr Key kBandwidth[] = {
    {"ingressRate"},
    {"ingressBurst"},
    {"egressRate"},
    {"egressBurst"},
    // The reference plugin's exceptions, under both names that they had: parse_capabilities() refuses them when they are not empty.
    {"nonShapedSubnets"},
    {"unshapedSubnets"},
    {"shapedSubnets"},
};

constexpr Key kTap[] = {
    {"owner"},
    {"group"},
    {"multiQueue"},
    {"name"},
    {"selinuxContext"},
    {"vmInterface"},
    {"mtu", Fate::foreign, "\"mtu\" stands beside \"tap\", not in it"},
    {"mac", Fate::foreign, kCapability},
    {"bridge", Fate::foreign, "\"bridge\" stands beside \"tap\", not in it"},
    {"user", Fate::foreign, "it is called \"owner\" here"},
    {"uid", Fate::foreign, "it is called \"owner\" here"},
    {"gid", Fate::foreign, "it is called \"group\" here"},
    {"queues", Fate::foreign, "say \"multiQueue\": true; how many there are the hypervisor decides"},
};

}  // namespace

std::span<const Key> conf_keys() { return kConf; }
std::span<const Key> ipam_keys() { return kIpam; }
std::span<const Key> range_keys() { return kRange; }
std::span<const Key> route_keys() { return kRoute; }
std::span<const Key> dns_keys() { return kDns; }
std::span<const Key> uplink_keys() { return kUplink; }
std::span<const Key> trunk_keys() { return kTrunk; }
std::span<const Key> mapping_keys() { return kMapping; }
std::span<const Key> bandwidth_keys() { return kBandwidth; }
std::span<const Key> tap_keys() { return kTap; }
std::span<const Key> runtime_keys() { return kRuntime; }
std::span<const Key> runtime_dns_keys() { return kRuntimeDns; }

}  // namespace trestle::config
