#pragma once
// What netlink.cpp and netlink_read.cpp share: the messages of one datagram, and the errors in them.
#include <linux/netlink.h>

#include <string>
#include <string_view>

#include "kernel/attrs.h"

namespace trestle::kernel {

// The conversation failed with `err`: Error{try_again} for EAGAIN (SO_RCVTIMEO), {kernel_lacks} for a missing protocol,
// else {kernel}.
[[noreturn]] void broken(int err, const char* what);

// The kernel's words about an error, from its extended ack. They follow the error directly, because NETLINK_CAP_ACK
// keeps our own request out of it; a kernel that ignored that option does not set NLM_F_CAPPED.
inline std::string extended_ack(const nlmsghdr& message, const nlmsgerr& error) {
  if ((message.nlmsg_flags & NLM_F_ACK_TLVS) == 0) return {};
  std::size_t before = sizeof error;
  if ((message.nlmsg_flags & NLM_F_CAPPED) == 0) before += error.msg.nlmsg_len - sizeof(nlmsghdr);
  return Attrs::of(message, before).text(NLMSGERR_ATTR_MSG);
}

// Calls `each` for every whole message of a datagram.
template <class F>
void for_each_message(std::string_view datagram, F&& each) {
  while (datagram.size() >= NLMSG_HDRLEN) {
    const auto* message = reinterpret_cast<const nlmsghdr*>(datagram.data());
    if (message->nlmsg_len < NLMSG_HDRLEN || message->nlmsg_len > datagram.size()) return;
    each(*message);
    const std::size_t step = NLMSG_ALIGN(message->nlmsg_len);
    if (step >= datagram.size()) return;
    datagram.remove_prefix(step);
  }
}

// The errno in NLMSG_ERROR or NLMSG_DONE, 0 for success.
inline int error_in(const nlmsghdr& message) {
  const auto error = header_of<int>(message);
  return error ? -*error : 0;
}

}  // namespace trestle::kernel
