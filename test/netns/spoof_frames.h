#pragma once
#include <string>
#include <vector>

namespace trestle::test {

// Who is who on the switch: the pod that sends, its neighbour, and the switch itself.
struct Party {
  std::string mac, ip4, ip6, local;  // local: fe80::…
};
struct Cast {
  Party self, other, gateway;
};

enum class Fate { passes, dropped };

// What the kernel does with a frame that nothing drops: a switch hands it on; br_netfilter, when on, first waits for the datagram's other
// fragments; or it is for the port alone.
enum class Kind { plain, fragment, port };

// One frame that a pod sends.
struct Row {
  Fate fate;
  const char* what;
  std::string (*frame)(const Cast&);
  Kind kind = Kind::plain;
};

// What a pod may send, and what it must not be able to.
const std::vector<Row>& spoof_rows();

}  // namespace trestle::test
