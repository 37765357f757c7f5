#pragma once
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/fd.h"

namespace trestle::test {

struct Frame {
  std::string bytes;      // Ethernet header and all
  bool outgoing = false;  // sent by this link's own stack, not received
};

// A link of a namespace as raw frames. Listens from the constructor on, so what comes before wait() is not missed.
class Wire {
 public:
  Wire(const base::Fd& netns, const std::string& link);
  void send(std::string_view frame);
  // The first frame not yet looked at that `wanted` accepts; nullopt after `patience_ms`. What it refused is gone.
  std::optional<Frame> wait(const std::function<bool(const Frame&)>& wanted, int patience_ms);
  // The same for frames that hold `part`, coming in or going out.
  std::optional<Frame> wait_for(std::string_view part, int patience_ms);
  void forget();  // all that came until now

 private:
  base::Fd fd_;
};

}  // namespace trestle::test
