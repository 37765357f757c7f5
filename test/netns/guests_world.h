#pragma once
// Networks with guest services, and the process behind them.
#include <catch2/catch.hpp>
#include <chrono>
#include <csignal>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>

#include "base/text.h"
#include "nat_guest.h"
#include "support/client.h"

#define NEEDS_DNSMASQ \
  SKIP_IF(!run("test -x /usr/sbin/dnsmasq").ok(), "dnsmasq is not installed (apt-get install dnsmasq-base)")

namespace trestle::test {

inline nlohmann::json guests_with(nlohmann::json more = nlohmann::json::object()) {
  more["guestServices"] = {{"dhcp", true}, {"ra", true}, {"dns", true}, {"ntp", {"192.0.2.123", "2001:db8::123"}}};
  return demo_with(more);
}

// A node whose services end with it, whatever becomes of the test.
class ServiceNode : public Node {
 public:
  ServiceNode() = default;
  ServiceNode(const ServiceNode&) = delete;
  ServiceNode& operator=(const ServiceNode&) = delete;
  ~ServiceNode() {
    for (const int pid : processes()) ::kill(pid, SIGKILL);
    run("rm -rf " + services());
  }
  std::string services() const { return state() + "-services"; }
  std::string directory(const std::string& bridge = "trdemo") const { return services() + "/" + bridge; }
  // Every process that was told of a file there, zombies left out.
  std::vector<int> processes() const {
    std::vector<int> out;
    const Ran found = run("grep -lsF -- '--conf-file=" + services() + "/' /proc/[0-9]*/cmdline");
    for (const std::string& line : base::split(found.out, '\n')) {
      const auto parts = base::split(line, '/');
      if (parts.size() < 3 || parts[2] == "self" || parts[2] == "thread-self") continue;
      if (run("grep -q '^/' /proc/" + parts[2] + "/cmdline && ! grep -qaF grep /proc/" + parts[2] + "/cmdline").ok())
        out.push_back(std::stoi(parts[2]));
    }
    return out;
  }
  int process() const {
    const auto all = processes();
    return all.size() == 1 ? all.front() : -static_cast<int>(all.size());
  }
};

// Waits up to 5 s (longer in hack/vmtest's machine) until it is so.
template <class F>
bool eventually(F&& so) {
  const auto end = std::chrono::steady_clock::now() + at_most(5000);
  while (!so()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return true;
}

// The guest's system has no address yet, as a VM's.
inline void forget_addresses(const Guest& guest) {
  guest.pod().must_exec("ip addr flush dev eth0 scope global; ip -4 addr flush dev eth0");
}

}  // namespace trestle::test
