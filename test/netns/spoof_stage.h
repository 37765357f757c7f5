#pragma once
// A switch with two pods and ears on it: which frame of the first gets anywhere.
#include <catch2/catch.hpp>
#include <string>

#include "nat_guest.h"
#include "spoof_frames.h"
#include "support/frame.h"
#include "support/wire.h"

namespace trestle::test {

// fe80:: and the MAC's EUI-64.
std::string local_of(const std::string& mac);
Party party(const Guest& guest);
// Network "demo"'s switch, as its gateway.
Party demo_gateway();

// Is `seen` the frame that was sent? On its way the kernel may have cut what is behind the packet, or taken VLAN tags out (they then travel
// beside the bytes).
bool is_same(std::string sent, const std::string& seen);

// The neighbour's eth0 listens, and the switch as the host sees it.
class Stage {
 public:
  struct Ends {
    const base::Fd *self, *other, *host;
    std::string bridge = "trdemo";
    bool host_listens = true;  // on an isolated switch the host hears nothing, harmless or not
  };
  Stage(Cast cast, const Ends& ends);
  // Two guests of "demo", or of a network that has its addresses and its switch's name.
  Stage(const Node& node, const Guest& self, const Guest& other, bool host_listens = true);

  const Cast& cast() const { return cast_; }
  // Does the frame get anywhere?
  bool arrives(const std::string& frame);

 private:
  void return_home();
  static bool comes(Wire& wire, const std::string& frame, const std::string& last);
  std::string next_target();

  Cast cast_;
  Wire self_, other_, host_;
  bool host_listens_;
  int number_ = 0;
};

}  // namespace trestle::test
