#include <sys/socket.h>

#include <cerrno>
#include <exception>
#include <utility>

#include "kernel/netlink.h"
#include "kernel/netlink_messages.h"

namespace trestle::kernel {

namespace {

using base::Code;
using base::Error;

constexpr std::size_t kDatagram =
    32 * 1024;  // what the kernel fills per dump message at most, if the reader can take it
constexpr int kTries = 9;

bool means_absent(int err) {
  return err == ENODEV || err == ENOENT || err == ESRCH || err == EADDRNOTAVAIL || err == ENODATA;
}

Refusal refusal_of(const nlmsghdr& message, const std::string& label) {
  const auto error = header_of<nlmsgerr>(message);
  const std::string text = error && message.nlmsg_type == NLMSG_ERROR ? extended_ack(message, *error) : std::string();
  return {0, error_in(message), text.empty() ? label : label + " (" + text + ")"};
}

}  // namespace

// malloc() tidies up all its free lists for a block of this size: one for each question was a twentieth of an ADD.
class Socket::Borrowed {
 public:
  explicit Borrowed(Socket& owner) : owner_(owner), buffer_(std::exchange(owner.spare_, {})) {
    if (buffer_.size == 0) buffer_ = Buffer(kDatagram);
  }
  Borrowed(const Borrowed&) = delete;
  Borrowed& operator=(const Borrowed&) = delete;
  ~Borrowed() { owner_.spare_ = std::move(buffer_); }
  Buffer& buffer() { return buffer_; }

 private:
  Socket& owner_;
  Buffer buffer_;
};

Socket::Datagram Socket::receive(Buffer& buffer, bool lost) {
  for (;;) {
    sockaddr_nl from{};
    iovec part{buffer.bytes.get(), buffer.size};
    msghdr slot{};
    slot.msg_name = &from;
    slot.msg_namelen = sizeof from;
    slot.msg_iov = &part;
    slot.msg_iovlen = 1;
    const ssize_t size = ::recvmsg(fd_.get(), &slot, MSG_TRUNC | (lost ? MSG_DONTWAIT : 0));
    if (size < 0) {
      const int err = errno;
      if (err == EINTR) continue;
      if (err == ENOBUFS) return {Datagram::lost, {}};
      if (err == EAGAIN && lost) return {Datagram::nothing, {}};
      broken(err, "receive from netlink");
    }
    if (from.nl_pid != 0) continue;  // another process wrote to us
    if (static_cast<std::size_t>(size) > buffer.size) {
      buffer = Buffer(static_cast<std::size_t>(size));
      return {Datagram::lost, {}};
    }
    return {Datagram::whole, {buffer.bytes.get(), static_cast<std::size_t>(size)}};
  }
}

std::optional<std::vector<char>> Socket::get(Batch& batch, bool may_be_silent) {
  Batch asked = std::exchange(batch, {});
  const Batch::Request& request = asked.requests_.at(0);
  // The answer is the ack. One that comes behind the answer all the same is of an earlier conversation for whoever reads next.
  if (!may_be_silent) asked.message(0)->nlmsg_flags &= static_cast<std::uint16_t>(~NLM_F_ACK);
  Borrowed borrowed(*this);
  Buffer& buffer = borrowed.buffer();
  for (int tries = 0; tries < kTries; ++tries) {
    asked.number(++sequence_);
    transmit(asked.bytes());
    for (;;) {
      const Datagram datagram = receive(buffer, false);
      if (datagram.state != Datagram::whole) break;
      const nlmsghdr* answer = nullptr;
      for_each_message(datagram.bytes, [&](const nlmsghdr& message) {
        if (answer == nullptr && message.nlmsg_seq == sequence_ && message.nlmsg_pid == port_) answer = &message;
      });
      if (answer == nullptr) continue;  // of an earlier conversation
      const auto* begin = reinterpret_cast<const char*>(answer);
      if (answer->nlmsg_type != NLMSG_ERROR) return std::vector<char>(begin, begin + answer->nlmsg_len);
      const int err = error_in(*answer);
      if (err == 0 || means_absent(err) || request.accepts(err)) return std::nullopt;
      refuse(refusal_of(*answer, request.label));
    }
  }
  throw Error(Code::try_again, request.label + ": the kernel's answers got lost");
}

void Socket::dump(Batch& batch, const std::function<void()>& restart,
                  const std::function<void(const nlmsghdr&)>& each) {
  Batch asked = std::exchange(batch, {});
  const Batch::Request& request = asked.requests_.at(0);
  asked.message(0)->nlmsg_flags &= static_cast<std::uint16_t>(~NLM_F_ACK);
  Borrowed borrowed(*this);
  Buffer& buffer = borrowed.buffer();
  for (int tries = 0; tries < kTries; ++tries) {
    if (tries > 0) restart();
    asked.number(++sequence_);
    transmit(asked.bytes());
    bool again = false, done = false;
    Refusal end;
    std::exception_ptr thrown;
    while (!done) {
      // A dump goes on inside each receive, so after a loss an empty queue is its end (the lost part held the end
      // mark).
      const Datagram datagram = receive(buffer, again);
      if (datagram.state != Datagram::whole) again = true;
      done = datagram.state == Datagram::nothing;
      for_each_message(datagram.bytes, [&](const nlmsghdr& message) {
        if (done || message.nlmsg_seq != sequence_ || message.nlmsg_pid != port_) return;
        if ((message.nlmsg_flags & NLM_F_DUMP_INTR) != 0) again = true;
        done = message.nlmsg_type == NLMSG_DONE || message.nlmsg_type == NLMSG_ERROR;
        if (done) end = refusal_of(message, request.label);
        if (done || again || thrown) return;
        try {
          each(message);
        } catch (...) {
          thrown = std::current_exception();
        }
      });
    }
    if (thrown) std::rethrow_exception(thrown);
    // EINTR: nf_tables' word for a change; EBUSY: the last dump of this socket was not read to its end.
    if (again || end.err == EINTR || end.err == EBUSY) continue;
    if (end.err != 0 && !request.accepts(end.err)) refuse(end);
    return;
  }
  throw Error(Code::try_again,
              request.label + ": it changed each of the " + std::to_string(kTries) + " times it was read");
}

}  // namespace trestle::kernel
