#include "spoof_stage.h"

#include <algorithm>
#include <utility>

#include "net/mac.h"
#include "net/names.h"

namespace trestle::test {

std::string local_of(const std::string& mac) { return net::link_local(net::Mac::parse(mac)).str(); }

Party party(const Guest& guest) { return {guest.mac(), guest.ip4(), guest.ip6(), local_of(guest.mac())}; }

Party demo_gateway() {
  const net::Mac mac = net::switch_mac(net::IfName::parse("trdemo"));
  return {mac.str(), "10.88.0.1", "fd88::1", net::link_local(mac).str()};
}

bool is_same(std::string sent, const std::string& seen) {
  for (;;) {
    const std::size_t common = std::min(sent.size(), seen.size());
    if (common > 20 && sent.compare(0, common, seen, 0, common) == 0) return true;
    const std::string type = sent.substr(12, 2);
    if (type != std::string("\x81\0", 2) && type != "\x88\xa8") return false;
    sent.erase(12, 4);
  }
}

Stage::Stage(Cast cast, const Ends& ends)
    : cast_(std::move(cast)),
      self_(*ends.self, "eth0"),
      other_(*ends.other, "eth0"),
      host_(*ends.host, ends.bridge),
      host_listens_(ends.host_listens) {}

Stage::Stage(const Node& node, const Guest& self, const Guest& other, bool host_listens)
    : Stage({party(self), party(other), demo_gateway()},
            {&self.netns(), &other.netns(), &node.host().netns(), "trdemo", host_listens}) {}

bool Stage::arrives(const std::string& frame) {
  return_home();
  self_.send(frame);
  // Frames do not overtake each other: when this harmless one is there, the other was or never comes.
  const std::string last = ethernet("ff:ff:ff:ff:ff:ff", cast_.self.mac, kEthArp,
                                    arp(1, cast_.self.mac, cast_.self.ip4, "00:00:00:00:00:00", next_target()));
  self_.send(last);
  const bool neighbour = comes(other_, frame, last);
  if (host_listens_) return comes(host_, frame, last) || neighbour;
  // Not "nothing at all": what the LAN's own machines say to everybody (MLD, late on a slow machine) comes to the host as well.
  CHECK_FALSE(host_.wait(
      [&](const Frame& seen) { return !seen.outgoing && (is_same(frame, seen.bytes) || is_same(last, seen.bytes)); },
      0));
  return neighbour;
}

// A frame with the neighbour's MAC, where nothing stops it, draws the switch's idea of the neighbour to the wrong port.
void Stage::return_home() {
  const std::string here = ethernet("ff:ff:ff:ff:ff:ff", cast_.other.mac, kEthArp,
                                    arp(1, cast_.other.mac, cast_.other.ip4, "00:00:00:00:00:00", next_target()));
  other_.send(here);
  REQUIRE((host_listens_ ? host_ : self_).wait([&](const Frame& seen) { return is_same(here, seen.bytes); }, 2000));
  self_.forget();
  other_.forget();
  host_.forget();
}

bool Stage::comes(Wire& wire, const std::string& frame, const std::string& last) {
  bool came = false;
  const auto ended = wire.wait(
      [&](const Frame& seen) {
        came = came || (!seen.outgoing && is_same(frame, seen.bytes));
        return !seen.outgoing && is_same(last, seen.bytes);
      },
      2000);
  REQUIRE(ended);
  return came;
}

std::string Stage::next_target() {
  ++number_;
  return "10.88.200." + std::to_string(number_ % 250 + 1);
}

}  // namespace trestle::test
