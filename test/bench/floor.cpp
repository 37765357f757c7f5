// The kernel's own price of one attachment, as a CNI plugin without a configuration: the fewest netlink requests that give a pod
// a working eth0 on a bridge. ADD: one veth pair (peer named inside the pod, host end on the bridge, up), peer up, one IPv4
// address, a default route. DEL: one link deletion. No store, no rules, no answer on stdout; stdin is not read.
// Environment: CNI_COMMAND, CNI_NETNS, CNI_IFNAME, CNI_CONTAINERID ending in -NUMBER, from which the address and the host link's name
// come. The bridge `flbr` (10.96.0.1/16) must be there. Exit code 1, with the reason on stderr, when the kernel refuses.
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

[[noreturn]] void fail(const char* what, int err) {
  std::fprintf(stderr, "floor: %s: %s\n", what, std::strerror(err));
  std::exit(1);
}

// One request: header, family header, attributes; sent and acknowledged.
class Request {
 public:
  template <class Header>
  Request(std::uint16_t type, std::uint16_t flags, const Header& header) {
    head()->nlmsg_type = type;
    head()->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | NLM_F_ACK | flags);
    head()->nlmsg_len = NLMSG_LENGTH(sizeof header);
    std::memcpy(NLMSG_DATA(head()), &header, sizeof header);
  }
  rtattr* add(std::uint16_t type, const void* data = nullptr, std::size_t size = 0) {
    auto* attribute = reinterpret_cast<rtattr*>(bytes_ + NLMSG_ALIGN(head()->nlmsg_len));
    attribute->rta_type = type;
    attribute->rta_len = static_cast<std::uint16_t>(RTA_LENGTH(size));
    if (size != 0) std::memcpy(RTA_DATA(attribute), data, size);
    head()->nlmsg_len = NLMSG_ALIGN(head()->nlmsg_len) + static_cast<std::uint32_t>(RTA_ALIGN(attribute->rta_len));
    return attribute;
  }
  void add_name(std::uint16_t type, const char* name) { add(type, name, std::strlen(name) + 1); }
  void close_nest(rtattr* nest) {
    nest->rta_len = static_cast<std::uint16_t>(bytes_ + head()->nlmsg_len - reinterpret_cast<char*>(nest));
  }
  void send(int socket, const char* what) {
    char answer[4096];
    if (::send(socket, bytes_, head()->nlmsg_len, 0) < 0 || ::recv(socket, answer, sizeof answer, 0) < 0)
      fail(what, errno);
    const auto* error = static_cast<nlmsgerr*>(NLMSG_DATA(reinterpret_cast<nlmsghdr*>(answer)));
    if (error->error != 0) fail(what, -error->error);
  }

 private:
  nlmsghdr* head() { return reinterpret_cast<nlmsghdr*>(bytes_); }
  alignas(nlmsghdr) char bytes_[2048] = {};
};

int route_socket() {
  const int socket = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  if (socket < 0 || ::bind(socket, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
    fail("netlink socket", errno);
  return socket;
}

const char* variable(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr) fail(name, EINVAL);
  return value;
}

void add(const char* host, unsigned number) {
  const char* name = variable("CNI_IFNAME");
  const int pod = ::open(variable("CNI_NETNS"), O_RDONLY | O_CLOEXEC);
  if (pod < 0) fail("CNI_NETNS", errno);
  const unsigned bridge = ::if_nametoindex("flbr");

  ifinfomsg up{};
  up.ifi_flags = up.ifi_change = IFF_UP;
  const ifinfomsg down{};  // a peer that is up before the pair is joined is refused: ENOTCONN
  Request veth(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, up);
  veth.add_name(IFLA_IFNAME, host);
  veth.add(IFLA_MASTER, &bridge, sizeof bridge);
  rtattr* info = veth.add(IFLA_LINKINFO);
  veth.add(IFLA_INFO_KIND, "veth", 5);
  rtattr* data = veth.add(IFLA_INFO_DATA);
  rtattr* peer = veth.add(VETH_INFO_PEER, &down, sizeof down);
  veth.add_name(IFLA_IFNAME, name);
  veth.add(IFLA_NET_NS_FD, &pod, sizeof pod);
  veth.close_nest(peer);
  veth.close_nest(data);
  veth.close_nest(info);
  veth.send(route_socket(), "veth");

  if (::setns(pod, CLONE_NEWNET) != 0) fail("setns", errno);
  const int socket = route_socket();
  const unsigned link = ::if_nametoindex(name);
  up.ifi_index = static_cast<int>(link);
  Request(RTM_NEWLINK, 0, up).send(socket, "up");

  const in_addr_t own = htonl(0x0a600000U + number + 2), all = htonl(0x0a60ffffU), gateway = htonl(0x0a600001U);
  ifaddrmsg address{};
  address.ifa_family = AF_INET;
  address.ifa_prefixlen = 16;
  address.ifa_index = link;
  Request with_address(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, address);
  with_address.add(IFA_LOCAL, &own, sizeof own);
  with_address.add(IFA_ADDRESS, &own, sizeof own);
  with_address.add(IFA_BROADCAST, &all, sizeof all);
  with_address.send(socket, "address");

  rtmsg route{};
  route.rtm_family = AF_INET;
  route.rtm_table = RT_TABLE_MAIN;
  route.rtm_protocol = RTPROT_STATIC;
  route.rtm_type = RTN_UNICAST;
  Request with_route(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, route);
  with_route.add(RTA_GATEWAY, &gateway, sizeof gateway);
  with_route.add(RTA_OIF, &link, sizeof link);
  with_route.send(socket, "route");
}

}  // namespace

int main() {
  const char* dash = std::strrchr(variable("CNI_CONTAINERID"), '-');
  const auto number = static_cast<unsigned>(dash == nullptr ? 0 : std::strtoul(dash + 1, nullptr, 10));
  char host[IFNAMSIZ];
  std::snprintf(host, sizeof host, "fl%u", number);
  if (std::strcmp(variable("CNI_COMMAND"), "ADD") == 0) {
    add(host, number);
  } else {
    Request gone(RTM_DELLINK, 0, ifinfomsg{});
    gone.add_name(IFLA_IFNAME, host);
    gone.send(route_socket(), "delete");
  }
}
