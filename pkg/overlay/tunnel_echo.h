#pragma once
// An echo through the tunnel itself, for networks whose nodes have no address in it (layer 2): the kernel of a peer has nobody there who would
// answer, so its agent does. What is asked and answered are VXLAN packets to one node each, with a frame in them that no bridge passes on and
// no pod can send: to the group of LLDP, of an EtherType for local use.
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "config/netconf.h"

namespace trestle::overlay {

class TunnelEcho {
 public:
  struct Heard {
    bool small = false, full = false;  // which of the two frames came back
  };

  // In the current network namespace. `conf.overlay->here` is set; its `others` may ask. `vtep_index`: our end, which is there. Throws
  // Error{kernel}.
  TunnelEcho(const config::NetConf& conf, std::uint32_t vtep_index);

  bool is_for(const config::NetConf& conf, std::uint32_t vtep_index) const;  // the same tunnel from the same address?
  void peers(const config::NetConf& conf);                                   // who may ask from now on

  int fd() const { return frames_.get(); }  // readable: take() has something to do
  // A small frame and one of full size to each; what was asked before is forgotten.
  void ask(const std::vector<net::Ip>& nodes);
  void ask_again();  // those who have not answered yet
  // Reads all that waits, never blocks. `serve`: what peers ask is answered.
  void take(bool serve);
  const std::map<net::Ip, Heard>& heard() const { return heard_; }
  bool all_heard() const;

 private:
  void send(const net::Ip& to, const std::string& body);
  void answer(std::string body);

  std::uint32_t index_, vni_, mtu_;
  std::uint16_t port_;
  net::Ip local_;
  net::Mac mac_;
  std::set<net::Ip> peers_;
  base::Fd frames_, packets_;
  std::uint64_t round_;
  std::vector<net::Ip> asked_;
  std::map<net::Ip, Heard> heard_;
};

}  // namespace trestle::overlay
