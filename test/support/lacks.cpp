#include "support/lacks.h"

#include <catch2/catch.hpp>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string_view>

#include "support/netns.h"
#include "support/run.h"

namespace trestle::test {

bool in_vm() {
  const char* said = std::getenv("TRESTLE_TEST_IN_VM");
  return said && std::string_view(said) == "1";
}

namespace {

bool works(const char* commands) {
  const Inside scratch(new_netns());
  const Ran ran = run(commands);
  if (!ran.ok() && in_vm()) std::printf("%s: %s", commands, ran.err.c_str());  // the probe itself was wrong once
  return ran.ok();
}

}  // namespace

void lacks(const std::string& reason) {
  if (in_vm()) FAIL("must not be skipped in this machine: " << reason);
  std::printf("SKIPPED %s: %s\n", Catch::getResultCapture().getCurrentTestName().c_str(), reason.c_str());
  std::fflush(stdout);
  if (const char* list = std::getenv("TRESTLE_SKIPPED"))
    std::ofstream(list, std::ios::app) << program_invocation_short_name << "|"
                                       << Catch::getResultCapture().getCurrentTestName() << "\n";
}

std::chrono::milliseconds at_most(int ms) { return std::chrono::milliseconds(in_vm() ? 20 * ms : ms); }

bool kernel_has_vlan_filtering() {
  static const bool has = works(
      "ip link add br0 type bridge vlan_filtering 1 && ip link add p0 master br0 type veth peer name p1 && "
      "bridge vlan add dev p0 vid 10 pvid untagged && ip link add link p1 name p1.10 type vlan id 10");
  return has;
}

bool kernel_has_bonding() {
  static const bool has = works("ip link add b0 type bond mode active-backup && ip link show dev b0");
  return has;
}

bool kernel_fills_checksums() {
  static const bool has = works(
      "ip link add b0 type bridge && tc qdisc add dev b0 clsact && "
      "tc filter add dev b0 egress protocol ip u32 match ip dport 68 0xffff action csum udp");
  return has;
}

}  // namespace trestle::test
