#include "kernel/netlink.h"

#include <linux/netlink.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "kernel/netlink_messages.h"

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71  // linux 5.14
#endif

namespace trestle::kernel {

namespace {

using base::Code;
using base::Error;

constexpr int kReceiveBuffer = 1 << 20;
constexpr std::size_t kSendBuffer =
    std::size_t{64} * 1024;             // well below net.core.wmem_default; what is longer asks for more first
constexpr unsigned kAcks = 16;          // taken with one system call
constexpr std::size_t kAckRoom = 1024;  // of one answer in the receive buffer, the kernel's own overhead included
constexpr std::size_t kAckBytes = 512;  // NETLINK_CAP_ACK: header, error, extended ack

std::uint32_t local_port(int fd) {
  sockaddr_nl name{};
  socklen_t size = sizeof name;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&name), &size) != 0) broken(errno, "getsockname of netlink");
  return name.nl_pid;
}

}  // namespace

struct Socket::Answer {
  std::uint32_t sequence = 0;
  int err = 0;
  std::string text;
};

static_assert(static_cast<int>(Protocol::route) == NETLINK_ROUTE &&
              static_cast<int>(Protocol::netfilter) == NETLINK_NETFILTER);

Socket Socket::open(Protocol which) {
  const int protocol = static_cast<int>(which);
  base::Fd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol));
  if (!fd.valid()) broken(errno, "netlink socket");
  sockaddr_nl any{};
  any.nl_family = AF_NETLINK;
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&any), sizeof any) != 0) broken(errno, "bind of netlink");
  const int on = 1;
  // Wishes, not needs: without them errors have no text, dumps are filtered here, the buffer is the system's default.
  static_cast<void>(::setsockopt(fd.get(), SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof on));
  static_cast<void>(::setsockopt(fd.get(), SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on));
  if (protocol == NETLINK_ROUTE)
    static_cast<void>(::setsockopt(fd.get(), SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof on));
  static_cast<void>(::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUFFORCE, &kReceiveBuffer, sizeof kReceiveBuffer));
  const timeval patience{10, 0};
  if (::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) != 0)
    broken(errno, "SO_RCVTIMEO of netlink");
  const std::uint32_t port = local_port(fd.get());
  return Socket(std::move(fd), port);
}

std::uint64_t Socket::netns_cookie() const {
  std::uint64_t cookie = 0;
  socklen_t size = sizeof cookie;
  if (::getsockopt(fd_.get(), SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &size) != 0)
    throw Error(Code::kernel_lacks, "this kernel does not tell namespaces apart (SO_NETNS_COOKIE, Linux 5.14)");
  return cookie;
}

void Socket::transmit(std::string_view bytes) {
  if (bytes.size() > kSendBuffer) {
    // The kernel accounts for its own overhead too: a message as long as the buffer is refused with EMSGSIZE.
    const int wanted = static_cast<int>(bytes.size()) + (1 << 16);
    static_cast<void>(::setsockopt(fd_.get(), SOL_SOCKET, SO_SNDBUFFORCE, &wanted, sizeof wanted));
  }
  for (;;) {
    const ssize_t sent = ::send(fd_.get(), bytes.data(), bytes.size(), 0);
    if (sent == static_cast<ssize_t>(bytes.size())) return;
    const int err = sent < 0 ? errno : EIO;
    if (err != EINTR) broken(err, "send to netlink");
  }
}

bool Socket::collect(std::uint32_t first, std::uint32_t last, const std::function<bool(const Answer&)>& each) {
  alignas(nlmsghdr) __attribute__((uninitialized)) char data[kAcks][kAckBytes];
  sockaddr_nl from[kAcks];
  iovec parts[kAcks];
  mmsghdr slots[kAcks];
  bool lost = false;
  for (bool more = true; more;) {
    for (unsigned i = 0; i < kAcks; ++i) {
      parts[i] = {data[i], kAckBytes};
      slots[i] = {};
      slots[i].msg_hdr.msg_name = &from[i];
      slots[i].msg_hdr.msg_namelen = sizeof from[i];
      slots[i].msg_hdr.msg_iov = &parts[i];
      slots[i].msg_hdr.msg_iovlen = 1;
    }
    // The kernel has worked on the whole batch when send returns: after a loss what is not in the queue will not come.
    const int count = ::recvmmsg(fd_.get(), slots, kAcks, lost ? MSG_DONTWAIT : MSG_WAITFORONE, nullptr);
    if (count < 0) {
      const int err = errno;
      if (err == EINTR) continue;
      if (err == ENOBUFS && !lost) {
        lost = true;
        continue;
      }
      if (lost && (err == EAGAIN || err == ENOBUFS)) return false;
      broken(err, "receive from netlink");
    }
    for (int i = 0; i < count; ++i) {
      if (from[i].nl_pid != 0) continue;  // another process wrote to us
      // A cut extended ack still carries the error in front; the text is lost then.
      auto* message = reinterpret_cast<nlmsghdr*>(data[i]);
      if (slots[i].msg_len < NLMSG_LENGTH(sizeof(nlmsgerr)) || message->nlmsg_type != NLMSG_ERROR) continue;
      if (message->nlmsg_len > slots[i].msg_len) message->nlmsg_len = slots[i].msg_len;
      if (message->nlmsg_pid != port_ || message->nlmsg_seq - first > last - first)
        continue;  // of an earlier conversation
      const auto error = header_of<nlmsgerr>(*message);
      if (error)
        more =
            each({message->nlmsg_seq, -error->error, error->error ? extended_ack(*message, *error) : std::string()}) &&
            more;
    }
  }
  return true;
}

std::vector<Refusal> Socket::send(Batch& batch) {
  std::vector<Refusal> refused;
  if (batch.empty()) return refused;
  const std::uint32_t first = sequence_ + 1;
  sequence_ += static_cast<std::uint32_t>(batch.size());
  batch.number(first);
  if (batch.size() * kAckRoom >
      kReceiveBuffer) {  // what of the answers has no room is lost, and what was done is told as not done
    const int wanted = static_cast<int>(batch.size() * kAckRoom);
    static_cast<void>(::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVBUFFORCE, &wanted, sizeof wanted));
  }
  transmit(batch.bytes());
  std::vector<Answer> answers(batch.size(), Answer{0, EAGAIN, {}});
  std::size_t missing = answers.size();
  collect(first, sequence_, [&](const Answer& answer) {
    answers[answer.sequence - first] = answer;
    return --missing > 0;
  });
  for (std::size_t i = 0; i < answers.size(); ++i) {
    Batch::Request& request = batch.requests_[i];
    if (answers[i].err == 0 || request.accepts(answers[i].err)) continue;
    if (!answers[i].text.empty()) request.label += " (" + answers[i].text + ")";
    refused.push_back({i, answers[i].err, std::move(request.label)});
  }
  batch.clear();
  return refused;
}

void Socket::send_or_throw(Batch& batch) {
  const std::vector<Refusal> refused = send(batch);
  if (!refused.empty()) refuse(refused.front());
}

std::vector<std::pair<std::uint32_t, int>> Socket::send_raw(std::string_view bytes,
                                                            const std::vector<std::uint32_t>& expected) {
  std::vector<std::pair<std::uint32_t, int>> refused;
  std::uint32_t first = 0, last = 0;
  for_each_message(bytes, [&](const nlmsghdr& message) {
    if (first == 0) first = message.nlmsg_seq;
    last = message.nlmsg_seq;
  });
  transmit(bytes);
  if (expected.empty()) return refused;
  std::vector<std::uint32_t> missing(expected);
  const bool all = collect(first, last, [&](const Answer& answer) {
    if (answer.err != 0) refused.emplace_back(answer.sequence, answer.err);
    const bool asked = std::erase(missing, answer.sequence) > 0;
    return (asked || answer.err == 0 || answer.sequence != first) && !missing.empty();
  });
  if (!all)
    for (const std::uint32_t sequence : missing) refused.emplace_back(sequence, EAGAIN);
  return refused;
}

void broken(int err, const char* what) {
  if (err == EAGAIN) throw Error(Code::try_again, "netlink: the kernel did not answer within 10 s");
  base::throw_errno(err, what, err == EPROTONOSUPPORT || err == EAFNOSUPPORT ? Code::kernel_lacks : Code::kernel);
}

void refuse(const Refusal& refusal) {
  const std::string message = refusal.label + ": " + std::strerror(refusal.err);
  switch (refusal.err) {
    case EOPNOTSUPP:
    case EAFNOSUPPORT:
    case EPROTONOSUPPORT:
      throw Error(Code::kernel_lacks, message);
    case EAGAIN:
      throw Error(Code::try_again, message);
    default:
      throw Error(Code::kernel, message);
  }
}

}  // namespace trestle::kernel
