#include "support/lan.h"

#include <chrono>
#include <stdexcept>
#include <utility>

#include "support/netns.h"

namespace trestle::test {

Lan::Lan(const ScratchHost& host, int mtu) : netns_(new_netns()) {
  const std::string up = " mtu " + std::to_string(mtu) + " up", gateway4 = kOutside4, gateway6 = kOutside6;
  const Inside inside(host.netns());
  // The descriptor's path works as a namespace name for a child only while it is open there: hence the process number.
  const std::string there = "/proc/$PPID/fd/" + std::to_string(netns_.get());
  must_run(std::string("ip link add ") + kUplink + " type veth peer name eth0 netns \"" + there + "\"");
  // Without the second that duplicate address detection takes: a snapshot would see its end as a change.
  const std::string no_dad = "echo 0 > /proc/sys/net/ipv6/conf/";
  must_run(no_dad + kUplink + "/accept_dad && ip addr add " + kHost4 + "/24 dev " + kUplink + " && ip addr add " +
           kHost6 + "/64 nodad dev " + kUplink + " && ip link set " + kUplink + up);
  {
    const Inside lan(netns_);
    must_run(no_dad + "eth0/accept_dad && ip link set lo up && ip addr add " + gateway4 +
             "/24 dev eth0 && ip addr add " + gateway6 + "/64 nodad dev eth0 && ip link set eth0" + up);
  }
  must_run("ip route add default via " + gateway4 + " && ip -6 route add default via " + gateway6 + " dev " + kUplink);
  echo_ = std::make_unique<Echo>(netns_);
  // Who asks for a link makes the kernel notice its carrier now (since Linux 6.8).
  must_run(std::string("ip link show dev ") + kUplink);
  exec("ip link show dev eth0");
  // A wire just plugged in loses its first frames until the kernel has noticed the carrier, and IPv6 asks again only
  // after a second.
  for (const auto& [from, to] :
       {std::pair{&host.netns(), kOutside4}, {&host.netns(), kOutside6}, {&netns_, kHost4}, {&netns_, kHost6}}) {
    // "Unreachable", which comes of three solicitations that were lost, is no last word: the machine in QEMU is slow.
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(15);
    while (ping(*from, to, 10'000) != Reach::connected)
      if (std::chrono::steady_clock::now() > deadline)
        throw std::runtime_error(std::string("the LAN does not work: no answer of ") + to);
  }
}

Ran Lan::exec(const std::string& command) const {
  const Inside inside(netns_);
  return run(command);
}

void Lan::route_to(const std::string& prefix) const {
  const Inside inside(netns_);
  must_run("ip route add " + prefix + " via " + (prefix.find(':') == std::string::npos ? kHost4 : kHost6));
}

void make_wire(const std::string& nic, const std::string& far) {
  const std::string conf = "/proc/sys/net/ipv6/conf/";
  // Who asks for a link makes the kernel notice its carrier now (since Linux 6.8).
  must_run("ip link add " + nic + " type veth peer name " + far + " && echo 0 > " + conf + nic +
           "/accept_dad && echo 0 > " + conf + far + "/accept_dad && printf 'link set " + nic + " up\nlink set " + far +
           " up\nlink show " + nic + "\n' | ip -batch -");
}

}  // namespace trestle::test
