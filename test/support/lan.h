#pragma once
#include <memory>
#include <string>

#include "base/fd.h"
#include "support/run.h"
#include "support/scratch.h"
#include "support/traffic.h"

namespace trestle::test {

// The world outside of a scratch host: a second "host" on a wire, the host's default gateway for both families, with an
// Echo on port 7.
//   scratch host: uplink0  192.0.2.2/24  2001:db8::2/64      lan: eth0  192.0.2.1/24  2001:db8::1/64
class Lan {
 public:
  static constexpr const char* kUplink = "uplink0";
  static constexpr const char* kHost4 = "192.0.2.2";
  static constexpr const char* kHost6 = "2001:db8::2";
  static constexpr const char* kOutside4 = "192.0.2.1";
  static constexpr const char* kOutside6 = "2001:db8::1";

  // Has the host's forwarding off, as a fresh machine. `mtu` of the wire.
  explicit Lan(const ScratchHost& host, int mtu = 1500);
  const base::Fd& netns() const { return netns_; }
  Ran exec(const std::string& command) const;
  // Lets the outside send to `prefix` through the host, to see what the host then refuses.
  void route_to(const std::string& prefix) const;

 private:
  base::Fd netns_;
  std::unique_ptr<Echo> echo_;
};

// Two NICs of the current namespace with a wire between them, both up. They have their IPv6 link-local addresses without the seconds of duplicate
// address detection, again when one went down and up: a test that took longer than that saw its end as a change.
void make_wire(const std::string& nic, const std::string& far);

}  // namespace trestle::test
