#pragma once
// Traffic control: a token bucket that limits what leaves by a link, and the redirect that lets one limit what comes in by it.
#include <cstdint>
#include <optional>
#include <string>

#include "kernel/netlink.h"
#include "net/ifname.h"
#include "plan/step.h"

namespace trestle::kernel {

// A limit as the kernel has it: bytes per second, bytes.
struct Bucket {
  std::uint64_t rate = 0;
  std::uint32_t burst = 0;  // what may go at once
  std::uint32_t limit = 0;  // what may wait
  bool operator==(const Bucket&) const = default;
};

// `mtu`: of the link. The bucket holds one full frame at least: a longer one never passes, so a smaller bucket is a pod without a network.
// What would wait longer than 25 ms is dropped, as by the reference plugin.
Bucket bucket_of(const plan::Rate& rate, std::uint32_t mtu);

// Requests. Building needs no socket; `name` is for the error. Send them while the link is down where that can be: on one that is up the kernel
// stops the link for each and waits for its readers.

// The link's root qdisc becomes our bucket, or gets these numbers where it is that already. Any other root qdisc but the default one is
// left, and the request refused (EEXIST; EINVAL when it has our handle).
void set_bucket(Batch& batch, std::uint32_t index, const net::IfName& name, const Bucket& bucket);
// All that comes in by the link goes through the root qdisc of `ifb_index` first. Three requests: the ingress qdisc, out with a filter of ours
// that is there already, the filter.
void redirect_ingress(Batch& batch, std::uint32_t index, const net::IfName& name, std::uint32_t ifb_index);

// A qdisc that somebody put there; `bucket` when it is ours.
struct Qdisc {
  std::string kind;
  std::uint32_t handle = 0;
  std::optional<Bucket> bucket;
  std::string str() const;  // "htb 1:"
};
enum class Side : std::uint8_t { root, ingress };
// nullopt: none, or the kernel's default.
std::optional<Qdisc> get_qdisc(Socket& socket, std::uint32_t index, Side side);
// The kernel keeps a bucket's depth as the time it takes to fill: equal to within what that rounds.
bool holds(const Bucket& found, const Bucket& wanted);
// Is there a filter on what comes in by the link, ours or not?
bool has_ingress_filter(Socket& socket, std::uint32_t index);
// Another's filter that sees what comes in by the link before ours does: "u32, pref 1". nullopt: there is none.
std::optional<std::string> filter_before_ours(Socket& socket, std::uint32_t index);
// Where our filter sends what comes in by the link: an ifindex, 0 when that link is gone; nullopt: there is no such filter.
std::optional<std::uint32_t> redirected_to(Socket& socket, std::uint32_t index);

// Takes our bucket and our redirect off a link that stays; others' are left. `name` is for the error.
void clear_limits(Socket& socket, std::uint32_t index, const net::IfName& name);
// The redirect alone, and the ingress qdisc below it when nobody else has a filter there.
void clear_redirect(Socket& socket, std::uint32_t index, const net::IfName& name);

// Throws what a refused request of these means: ENOENT and EOPNOTSUPP are a kernel without that module -> Error{kernel_lacks}.
[[noreturn]] void refuse_tc(const Refusal& refusal);

}  // namespace trestle::kernel
