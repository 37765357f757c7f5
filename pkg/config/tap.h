#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "net/ifname.h"

namespace trestle::config {

// `device: tap`.
struct Tap {
  std::uint32_t owner = 107;           // the uid that hypervisors run under: qemu's in Debian, Red Hat and KubeVirt
  std::optional<std::uint32_t> group;  // with one, the opener must be both
  bool multi_queue = false;            // as the hypervisor opens it
  std::optional<net::IfName> name;     // absent: net::tap_name()
  std::string selinux_context;         // "": as the kernel makes it
  bool vm_interface = false;           // the result has the guest's own interface
  bool operator==(const Tap&) const = default;
};

}  // namespace trestle::config
