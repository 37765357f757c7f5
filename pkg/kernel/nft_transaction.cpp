#include "kernel/nft_transaction.h"

#include <arpa/inet.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <time.h>

#include <algorithm>
#include <cerrno>

namespace trestle::kernel {
namespace {

constexpr int kTries = 5;
constexpr int kRounds = 16;

struct Frame {
  std::string bytes;
  std::uint32_t first = 0, last = 0;  // sequence numbers of the messages inside
};

void add_bracket(std::string& bytes, std::uint16_t type, std::uint32_t sequence) {
  struct {
    nlmsghdr message;
    nfgenmsg family;
  } bracket{};
  bracket.message = {sizeof bracket, type, NLM_F_REQUEST, sequence, 0};
  bracket.family.res_id = htons(NFNL_SUBSYS_NFTABLES);
  bytes.append(reinterpret_cast<const char*>(&bracket), sizeof bracket);
}

// Only the last message asks for an ack. Errors come without asking, and a thousand acks would overflow the receive
// buffer; the last one tells that the transaction stands, because the kernel queues it after the commit. Not the end's:
// before 6.10 it gets none.
Frame framed(Socket& netfilter, std::string_view messages) {
  Frame frame;
  frame.bytes.reserve(messages.size() + 2 * NLMSG_LENGTH(sizeof(nfgenmsg)));
  add_bracket(frame.bytes, NFNL_MSG_BATCH_BEGIN, netfilter.next_sequence());
  frame.first = frame.last = netfilter.next_sequence();
  const std::size_t begin = frame.bytes.size();
  frame.bytes += messages;
  nlmsghdr* message = nullptr;
  for (std::size_t at = begin; at < frame.bytes.size(); at += NLMSG_ALIGN(message->nlmsg_len)) {
    if (message) frame.last = netfilter.next_sequence();
    message = reinterpret_cast<nlmsghdr*>(frame.bytes.data() + at);
    message->nlmsg_seq = frame.last;
    message->nlmsg_flags = static_cast<std::uint16_t>(message->nlmsg_flags & ~NLM_F_ACK);
  }
  if (message) message->nlmsg_flags |= NLM_F_ACK;
  add_bracket(frame.bytes, NFNL_MSG_BATCH_END, netfilter.next_sequence());
  return frame;
}

bool passes(int err) { return err == EINTR || err == EAGAIN || err == EBUSY || err == ERESTART; }

}  // namespace

void NftMessages::clear() {
  batch.clear();
  labels.clear();
}

std::vector<NftRefusal> transact(Socket& netfilter, std::string_view messages) {
  std::vector<NftRefusal> refusals;
  for (int attempt = 1; !messages.empty(); ++attempt) {
    const Frame frame = framed(netfilter, messages);
    refusals.clear();
    for (const auto& [sequence, err] : netfilter.send_raw(frame.bytes, {frame.last})) {
      const std::size_t index = sequence - frame.first;
      refusals.push_back({index <= frame.last - frame.first ? index : kNftWhole, err});
    }
    if (refusals.empty() || !passes(refusals.front().err) || attempt == kTries) break;
    const timespec pause{0, attempt * 1'000'000L};
    ::nanosleep(&pause, nullptr);
  }
  return refusals;
}

void transact_existing(Socket& netfilter, const NftMessages& messages) {
  struct Message {
    std::string_view bytes;
    const std::string* label;
  };
  std::vector<Message> rest;
  for (std::string_view bytes = messages.batch.bytes(); !bytes.empty();) {
    const std::size_t length = NLMSG_ALIGN(reinterpret_cast<const nlmsghdr*>(bytes.data())->nlmsg_len);
    rest.push_back({bytes.substr(0, length), &messages.labels[rest.size()]});
    bytes.remove_prefix(length);
  }
  for (int round = 1;; ++round) {
    std::string bytes;
    for (const Message& message : rest) bytes += message.bytes;
    const std::vector<NftRefusal> refusals = transact(netfilter, bytes);
    if (refusals.empty()) return;
    const auto absent = [&](const NftRefusal& refusal) { return refusal.err == ENOENT && refusal.index != kNftWhole; };
    const auto other = std::ranges::find_if_not(refusals, absent);
    // Others change the ruleset meanwhile: what was there in one round may be gone in the next.
    if (std::ranges::none_of(refusals, absent) || round == kRounds) {
      const NftRefusal& first = other == refusals.end() ? refusals.front() : *other;
      refuse(
          {0, first.err, first.index == kNftWhole ? "nftables transaction" : "nftables " + *rest[first.index].label});
    }
    for (const NftRefusal& refusal : refusals)
      if (absent(refusal)) rest[refusal.index].bytes = {};
    std::erase_if(rest, [](const Message& message) { return message.bytes.empty(); });
  }
}

}  // namespace trestle::kernel
