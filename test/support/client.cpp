#include "support/client.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>

#include <chrono>
#include <cstdio>
#include <thread>

#include "base/text.h"
#include "net/mac.h"
#include "net/names.h"
#include "support/frame.h"
#include "support/netns.h"
#include "support/run.h"
#include "support/wire.h"

namespace trestle::test {

namespace {

using Clock = std::chrono::steady_clock;

std::string be16(unsigned value) { return {static_cast<char>(value >> 8U), static_cast<char>(value)}; }
unsigned at16(std::string_view bytes, std::size_t at) {
  return static_cast<unsigned>(static_cast<unsigned char>(bytes[at])) << 8U | static_cast<unsigned char>(bytes[at + 1]);
}
std::string option(unsigned code, const std::string& data) {
  return be16(code) + be16(static_cast<unsigned>(data.size())) + data;
}

std::map<int, std::string> options_of(std::string_view bytes) {
  std::map<int, std::string> out;
  for (std::size_t at = 0; at + 4 <= bytes.size();) {
    const std::size_t size = at16(bytes, at + 2);
    if (at + 4 + size > bytes.size()) break;
    out.emplace(static_cast<int>(at16(bytes, at)), bytes.substr(at + 4, size));
    at += 4 + size;
  }
  return out;
}

constexpr std::size_t kEthernet = 14, kIp6 = 40, kUdp = 8;
constexpr const char* kServers = "ff02::1:2";

// One DHCPv6 message and its answer: type and options.
struct Exchange {
  const Pod& pod;
  const std::string& mac;
  Wire wire;
  std::string source;

  std::optional<std::pair<int, std::map<int, std::string>>> ask(int type, const std::string& options, int patience_ms) {
    const auto deadline = Clock::now() + std::chrono::milliseconds(patience_ms);
    const std::string message = std::string(1, static_cast<char>(type)) + "abc" + options;
    while (Clock::now() < deadline) {  // a link that is just up loses its first frames
      wire.send(ethernet("33:33:00:01:00:02", mac, kEthIp6, ip6(source, kServers, 17, udp(546, 547, message), 1)));
      const auto frame = wire.wait(
          [&](const Frame& seen) {
            return !seen.outgoing && seen.bytes.size() > kEthernet + kIp6 + kUdp + 4 &&
                   at16(seen.bytes, 12) == kEthIp6 && seen.bytes[kEthernet + 6] == 17 &&
                   at16(seen.bytes, kEthernet + kIp6) == 547 &&
                   seen.bytes.substr(kEthernet + kIp6 + kUdp + 1, 3) == "abc";
          },
          1000);
      if (!frame) continue;
      const std::string_view answer = std::string_view(frame->bytes).substr(kEthernet + kIp6 + kUdp);
      return std::pair{static_cast<int>(answer[0]), options_of(answer.substr(4))};
    }
    return std::nullopt;
  }
};

std::string address_in(const std::map<int, std::string>& options) {
  const auto association = options.find(3);
  if (association == options.end() || association->second.size() < 12) return "";
  const auto inner = options_of(std::string_view(association->second).substr(12));
  const auto address = inner.find(5);
  return address == inner.end() ? "" : net::Ip::from_bytes(std::string_view(address->second).substr(0, 16)).str();
}

}  // namespace

std::optional<DhcpLease> dhcp(const Pod& pod, int tries) {
  const std::string script = "/run/udhcpc-script", out = "/run/udhcpc-" + pod.name();
  must_run("printf '#!/bin/busybox sh\\n[ \"$1\" = bound ] && env > " + out + "\\nexit 0\\n' > " + script +
           " && sed -i \"s#/bin/busybox#$(command -v busybox)#\" " + script + " && chmod 755 " + script + " && rm -f " +
           out);
  const Ran ran = pod.exec("busybox udhcpc -i eth0 -n -q -f -t " + std::to_string(tries) +
                           " -T 1 -O mtu -O search -O ntpsrv -O staticroutes -O 121 -s " + script);
  if (!ran.ok()) return std::nullopt;
  DhcpLease lease;
  for (const std::string& line : base::split(must_run("cat " + out), '\n'))
    if (const std::size_t equals = line.find('='); equals != line.npos)
      lease[line.substr(0, equals)] = line.substr(equals + 1);
  return lease;
}

std::optional<Dhcp6Lease> dhcp6(const Pod& pod, const std::string& mac, const std::string& duid, int patience_ms) {
  Exchange exchange{pod, mac, Wire(pod.netns(), "eth0"), net::link_local(net::Mac::parse(mac)).str()};
  const std::string client = option(1, duid.empty() ? std::string("\0\3\0\1", 4) + mac_bytes(mac) : duid);
  const std::string wanted = option(6, be16(23) + be16(24) + be16(31) + be16(56));
  const std::string association = std::string("\0\0\0\1", 4) + std::string(8, '\0');
  const auto advertised = exchange.ask(1, client + option(3, association) + wanted, patience_ms);
  if (!advertised) return std::nullopt;
  const std::string address = address_in(advertised->second);
  if (address.empty()) return Dhcp6Lease{"", advertised->second};
  const std::string asked = association + option(5, ip_bytes(address) + std::string(8, '\0'));
  const auto reply =
      exchange.ask(3, client + option(2, advertised->second.at(2)) + option(3, asked) + wanted, patience_ms);
  if (!reply || reply->first != 7) return std::nullopt;
  return Dhcp6Lease{address_in(reply->second), reply->second};
}

std::optional<std::string> router_advert(const Pod& pod, const std::string& mac, int patience_ms) {
  Wire wire(pod.netns(), "eth0");
  const std::string solicit = std::string("\x85\0\0\0\0\0\0\0", 8) + std::string("\1\1", 2) + mac_bytes(mac);
  const std::string from = net::link_local(net::Mac::parse(mac)).str();
  const auto deadline = Clock::now() + std::chrono::milliseconds(patience_ms);
  while (Clock::now() < deadline) {
    wire.send(ethernet("33:33:00:00:00:02", mac, kEthIp6, ip6(from, "ff02::2", 58, solicit, 255)));
    const auto frame = wire.wait(
        [](const Frame& seen) {
          return !seen.outgoing && seen.bytes.size() > kEthernet + kIp6 + 16 && at16(seen.bytes, 12) == kEthIp6 &&
                 seen.bytes[kEthernet + 6] == 58 && static_cast<unsigned char>(seen.bytes[kEthernet + kIp6]) == 134;
        },
        1000);
    if (frame) return frame->bytes.substr(kEthernet + kIp6);
  }
  return std::nullopt;
}

std::optional<Resolved> resolve(const Pod& pod, const std::string& server, const std::string& name, bool v6,
                                int patience_ms) {
  const net::Ip to = net::Ip::parse(server);
  const bool server6 = to.family == net::Family::v6;
  base::Fd socket;
  {
    const Inside inside(pod.netns());
    socket = base::Fd(::socket(server6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  }
  std::string query = std::string("\x12\x34\1\0\0\1\0\0\0\0\0\0", 12);
  for (const std::string& label : base::split(name, '.'))
    query += std::string(1, static_cast<char>(label.size())) + label;
  query += std::string(1, '\0') + be16(v6 ? 28 : 1) + be16(1);
  sockaddr_in6 far6{};
  sockaddr_in far4{};
  far6.sin6_family = AF_INET6;
  far4.sin_family = AF_INET;
  far6.sin6_port = far4.sin_port = htons(53);
  to.bytes().copy(server6 ? reinterpret_cast<char*>(&far6.sin6_addr) : reinterpret_cast<char*>(&far4.sin_addr), 16);
  const auto* far = server6 ? reinterpret_cast<const sockaddr*>(&far6) : reinterpret_cast<const sockaddr*>(&far4);
  if (::connect(socket.get(), far, server6 ? sizeof far6 : sizeof far4) != 0) return std::nullopt;
  const auto deadline = Clock::now() + std::chrono::milliseconds(patience_ms);
  while (Clock::now() < deadline) {  // a service that is just starting refuses
    if (::send(socket.get(), query.data(), query.size(), 0) < 0)
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    pollfd one{socket.get(), POLLIN, 0};
    char bytes[1500];
    if (::poll(&one, 1, 500) <= 0) continue;
    const ssize_t n = ::recv(socket.get(), bytes, sizeof bytes, 0);
    if (n < 12) continue;
    const std::string_view answer(bytes, static_cast<std::size_t>(n));
    Resolved out{answer[3] & 15, {}};
    std::size_t at = query.size();  // the question comes back as it was; names of answers are pointers
    for (unsigned left = at16(answer, 6); left > 0 && at + 12 <= answer.size(); --left) {
      const std::size_t size = at16(answer, at + 10);
      if (at + 12 + size > answer.size()) break;
      if (size == 4 || size == 16) out.addresses.push_back(net::Ip::from_bytes(answer.substr(at + 12, size)).str());
      at += 12 + size;
    }
    return out;
  }
  return std::nullopt;
}

}  // namespace trestle::test
