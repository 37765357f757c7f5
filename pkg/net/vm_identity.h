#pragma once
// Who a virtual machine is, however many pods it lives in one after the other, or in two at once while it migrates. Its MAC and its lease
// belong to this, not to the pod (DESIGN section 7). Pure functions, and stable for ever, as those of names.h: two nodes of different
// releases must agree on them.
#include <cstdint>
#include <string>
#include <string_view>

#include "net/ifname.h"
#include "net/mac.h"

namespace trestle::net {

// One NIC of a VM. Lease and MAC are the NIC's, within a segment.
struct VmNic {
  std::string vm;  // vm_identity()'s answer, never ""
  std::string
      nic;  // the interface's name in the pod: KubeVirt derives it from the VM's network, so it is the same in every pod
  auto operator<=>(const VmNic&) const = default;
};

// The VM that KubeVirt made this pod for: "virt-launcher-web-x7k2p" -> "web". "" for any other pod, and for a name of 63 characters:
// Kubernetes cuts what it appends its five characters to, so that two VMs with long names cannot be told apart by their pods.
std::string vm_of_pod(std::string_view pod);

// `asked`: what the configuration calls the VM ("" nothing); else the pod's name tells. With the namespace in front where there is one, also
// before what was asked for: a tenant of Kubernetes can ask through an annotation, and must not take another tenant's lease. "": no VM.
std::string vm_identity(std::string_view asked, std::string_view pod, std::string_view pod_namespace);

// For file names and for where in a pool to begin.
std::uint64_t vm_hash(const VmNic& vm);
// For locks: all NICs of the VM.
std::uint64_t vm_hash(std::string_view vm);

// 02 + 5 bytes of hash(switch, VM, NIC). Not of the address, as a container's: where the address is taken when the VM comes back, or on the
// node that it migrates to, the guest has its MAC all the same.
Mac vm_mac(const IfName& bridge, const VmNic& vm);

}  // namespace trestle::net
