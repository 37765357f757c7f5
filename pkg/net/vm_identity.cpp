#include "net/vm_identity.h"

#include <algorithm>

#include "base/hash.h"

namespace trestle::net {
namespace {

constexpr std::string_view kLauncher = "virt-launcher-";
constexpr std::size_t kAppended = 5;         // characters behind the last '-'
constexpr std::size_t kLongestPodName = 63;  // that Kubernetes makes up

bool is_appended(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

}  // namespace

std::string vm_of_pod(std::string_view pod) {
  if (!pod.starts_with(kLauncher) || pod.size() >= kLongestPodName) return "";
  pod.remove_prefix(kLauncher.size());
  if (pod.size() < kAppended + 2) return "";
  const std::string_view end = pod.substr(pod.size() - kAppended);
  pod.remove_suffix(kAppended);
  if (pod.back() != '-' || !std::all_of(end.begin(), end.end(), is_appended)) return "";
  pod.remove_suffix(1);
  return std::string(pod);
}

std::string vm_identity(std::string_view asked, std::string_view pod, std::string_view pod_namespace) {
  const std::string vm = asked.empty() ? vm_of_pod(pod) : std::string(asked);
  if (vm.empty() || pod_namespace.empty()) return vm;
  return std::string(pod_namespace) + "/" + vm;
}

std::uint64_t vm_hash(const VmNic& vm) { return base::hash64(vm.vm + '\0' + vm.nic); }
std::uint64_t vm_hash(std::string_view vm) { return base::hash64(vm); }

Mac vm_mac(const IfName& bridge, const VmNic& vm) {
  return Mac::from_hash(0x02, base::hash64(bridge.str() + '\0' + vm.vm + '\0' + vm.nic));
}

}  // namespace trestle::net
