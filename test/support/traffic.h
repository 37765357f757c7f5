#pragma once
#include <sys/types.h>

#include <string>

#include "base/fd.h"

namespace trestle::test {

// How far a packet came.
enum class Reach { connected, refused, timeout, unreachable };
const char* name_of(Reach reach);

// `answer`: what the far side said; an Echo says the address it saw, "192.0.2.2 40000".
struct Talk {
  Reach reach = Reach::timeout;
  std::string answer;
  std::string seen() const { return answer.substr(0, answer.find(' ')); }  // the address alone
};

// Each speaks from inside `netns` (the thread is back when it returns). `address`: "10.88.0.2", "fd88::2". `from_port`
// 0: any. What succeeds returns at once, but for the first packet over a link just set up, which may be lost: IPv6 asks
// again only after a second, hence the patience. Where silence is expected give less.
Talk tcp_talk(const base::Fd& netns, const std::string& address, int port, int patience_ms = 3000, int from_port = 0);
Talk udp_talk(const base::Fd& netns, const std::string& address, int port, int patience_ms = 3000, int from_port = 0);
// An ICMP echo; an answer of the far side counts as connected, an ICMP error as unreachable. Repeated until
// `patience_ms` is over.
Reach ping(const base::Fd& netns, const std::string& address, int patience_ms = 3000);

// A server in a namespace, both families, TCP and UDP on one port, in a child process that ends with the object. It
// answers every connection and datagram with the peer's address and port. It listens when the constructor returns.
class Echo {
 public:
  explicit Echo(const base::Fd& netns, int port = 7);
  ~Echo();
  Echo(const Echo&) = delete;
  Echo& operator=(const Echo&) = delete;

 private:
  pid_t child_ = -1;
};

}  // namespace trestle::test
