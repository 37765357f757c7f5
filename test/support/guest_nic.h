#pragma once
// A hypervisor without a guest: opens a TAP as QEMU does, and sends and receives frames by it.
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "support/wire.h"

namespace trestle::test {

// Who opens it, without any capability, and how.
struct Opener {
  unsigned uid = 107, gid = 107;
  bool multi_queue = false;
  bool virtio_headers = true;
};

// 0, or the errno that the opener gets. Nothing stays open.
int try_tap(const base::Fd& netns, const std::string& tap, const Opener& opener = {});

class GuestNic {
 public:
  // Throws std::system_error when the opener is refused. The TAP has its carrier then.
  GuestNic(const base::Fd& netns, const std::string& tap, const Opener& opener = {});
  void send(std::string_view frame);
  // As Wire's.
  std::optional<Frame> wait(const std::function<bool(const Frame&)>& wanted, int patience_ms);
  std::optional<Frame> wait_for(std::string_view part, int patience_ms);

 private:
  base::Fd fd_;
  std::size_t header_;
};

// A stack with one IPv4 address: answers ARP for it and echo requests to it, from a thread of its own, while the object lives.
class GuestStack {
 public:
  GuestStack(GuestNic& nic, std::string mac, std::string ip4);
  ~GuestStack();
  GuestStack(const GuestStack&) = delete;
  GuestStack& operator=(const GuestStack&) = delete;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

// From the guest: who has `ip`? Its MAC; "" without an answer.
std::string ask_arp(GuestNic& nic, const std::string& mac, const std::string& own, const std::string& ip,
                    int patience_ms = 1000);
// An echo request by that MAC; is it answered?
bool echo_from(GuestNic& nic, const std::string& mac, const std::string& own, const std::string& to_mac,
               const std::string& ip, std::size_t size = 32, int patience_ms = 1000);

}  // namespace trestle::test
