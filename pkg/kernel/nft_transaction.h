#pragma once
// Sends messages of nf_tables as one transaction: all of them, or none.
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/netlink.h"

namespace trestle::kernel {

// Messages to be, and what each of them is about.
struct NftMessages {
  Batch batch;
  std::vector<std::string> labels;

  // Names what was added to the batch since the last call: "inet chain forward".
  void label(const std::string& text) { labels.resize(batch.size(), text); }
  void clear();
};

// A message that the kernel refused; index kNftWhole: the transaction as a whole was.
constexpr std::size_t kNftWhole = static_cast<std::size_t>(-1);
struct NftRefusal {
  std::size_t index = 0;
  int err = 0;
};

// `messages`: those of a Batch, without the frame. Empty: the kernel said that the transaction stands. Else nothing of
// it was done, and every message that failed is named, but for EAGAIN: the answer got lost each time, it may stand or
// not. What passes (EINTR, ERESTART, EBUSY, a lost answer) is tried again a few times within 10 ms. Throws as
// Socket::send_raw().
std::vector<NftRefusal> transact(Socket& netfilter, std::string_view messages);

// As transact(), but messages refused with ENOENT are left out and the rest is sent again. Throws the first other
// refusal.
void transact_existing(Socket& netfilter, const NftMessages& messages);

}  // namespace trestle::kernel
