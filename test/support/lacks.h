#pragma once
// What the kernel of the machine lacks. Elsewhere such a test is skipped; in hack/vmtest's machine (TRESTLE_TEST_IN_VM=1), whose kernel
// has everything, it fails: a test that can run nowhere would otherwise pass for ever.
#include <chrono>
#include <string>

namespace trestle::test {

// Prints "SKIPPED <test>: <reason>", or fails the test case in that machine. The test returns when it returns. Use NEEDS_KERNEL.
// Appends "<program>|<test>" to the file that TRESTLE_SKIPPED names: hack/vmtest runs what is in it, so that no test is run nowhere.
void lacks(const std::string& reason);

// Is this that machine?
bool in_vm();
// By trying, in a scratch namespace; asked once.
bool kernel_has_vlan_filtering();  // of a bridge, and 802.1Q links
bool kernel_has_bonding();
bool kernel_fills_checksums();  // tc's action csum

// For what must not take longer: that machine's processor is emulated, 10 to 20 times slower.
std::chrono::milliseconds at_most(int ms);

}  // namespace trestle::test

// The first line of a test that not every kernel can run: NEEDS_KERNEL(kernel_has_bonding(), "bonding").
#define NEEDS_KERNEL(has, what)                                        \
  if (!(has)) {                                                        \
    trestle::test::lacks(std::string("this kernel has no ") + (what)); \
    return;                                                            \
  }                                                                    \
  static_assert(true)
