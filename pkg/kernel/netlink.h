#pragma once
// One netlink socket and what goes over it: requests are built without a socket (so a test reads them back), several go in one
// send, and every answer is matched by sequence number.
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/fd.h"

struct nlmsghdr;
struct nlattr;

namespace trestle::kernel {

// A buffer of netlink requests, in the order in which the kernel will see them.
class Batch {
 public:
  // Starts a request (NLM_F_REQUEST | NLM_F_ACK | flags) with a zeroed family header of `header_size` bytes, which is returned and
  // valid until the next call. `label` stands in the error when the kernel refuses.
  void* begin(std::uint16_t type, std::uint16_t flags, std::size_t header_size, std::string label);
  void put(std::uint16_t type, const void* data, std::size_t size);
  void put(std::uint16_t type, std::string_view bytes) { put(type, bytes.data(), bytes.size()); }
  void put_u8(std::uint16_t type, std::uint8_t value) { put(type, &value, sizeof value); }
  void put_u16(std::uint16_t type, std::uint16_t value) { put(type, &value, sizeof value); }
  void put_u32(std::uint16_t type, std::uint32_t value) { put(type, &value, sizeof value); }
  void put_text(std::uint16_t type, std::string_view text);       // with its NUL
  std::size_t open_nest(std::uint16_t type);                      // returns what close_nest() takes
  void close_nest(std::size_t nest);
  // Raw bytes inside the current request (a nested header such as VETH_INFO_PEER's ifinfomsg), padded to 4.
  void append(const void* data, std::size_t size);
  // Errors that count as success for the current request: `accept(EEXIST)`.
  void accept(int err);

  bool empty() const { return requests_.empty(); }
  std::size_t size() const { return requests_.size(); }
  std::string_view bytes() const { return {buffer_.data(), buffer_.size()}; }
  void clear();

 private:
  friend class Socket;
  struct Request {
    std::size_t offset = 0;
    std::string label;
    std::vector<int> accepted;
  };
  void finish_length();
  nlmsghdr* current();
  std::string buffer_;     // 4-aligned messages
  std::vector<Request> requests_;
};

// One refused request of a batch.
struct Refusal {
  std::size_t index = 0;   // which request
  int err = 0;             // errno
  std::string label;       // its label, with the kernel's extended-ack text behind it when there is one
};

class Socket {
 public:
  // NETLINK_ROUTE or NETLINK_NETFILTER in the calling thread's network namespace. Extended acks and strict checking on, receive
  // buffer raised, SO_RCVTIMEO 10 s. Throws Error{kernel}.
  static Socket open(int protocol);

  // Sends all requests in one sendmsg and collects every ack. Returns what the kernel refused, in order; throws Error{kernel} when the
  // conversation itself fails. The batch is cleared. ENOBUFS on receive: the kernel *has* done it (reliability.md 21); the missing acks
  // are taken again with the socket's error cleared, and what stays unknown is reported as EAGAIN refusals.
  std::vector<Refusal> send(Batch& batch);
  // As send(), and throws the first refusal by refuse().
  void send_or_throw(Batch& batch);
  // One request with one answer (a get by name): the answer's message, or nullopt when the kernel says ENODEV, ENOENT, ESRCH,
  // EADDRNOTAVAIL or ENODATA.
  std::optional<std::vector<char>> get(Batch& batch);
  // A dump: calls `each` per message. Retried from the start up to 8 times when the kernel says that it changed meanwhile
  // (NLM_F_DUMP_INTR), `restart` is called first; then throws Error{try_again}.
  void dump(Batch& batch, const std::function<void()>& restart, const std::function<void(const nlmsghdr&)>& each);

  std::uint64_t netns_cookie() const;   // SO_NETNS_COOKIE: unique since boot, inodes are reused
  int fd() const { return fd_.get(); }
  std::uint32_t next_sequence() { return ++sequence_; }
  // For nftables batches that libnftnl built: sends the bytes, collects acks/errors by sequence number.
  // `expected`: sequence numbers that ask for an ack. Returns (sequence, errno) of every refusal.
  std::vector<std::pair<std::uint32_t, int>> send_raw(std::string_view bytes, const std::vector<std::uint32_t>& expected);

 private:
  explicit Socket(base::Fd fd, std::uint32_t port) : fd_(std::move(fd)), port_(port) {}
  base::Fd fd_;
  std::uint32_t port_ = 0;
  std::uint32_t sequence_ = 0;
};

// Throws what a refusal means: EOPNOTSUPP, EAFNOSUPPORT, EPROTONOSUPPORT -> Error{kernel_lacks}; else Error{kernel}
// "<label>: <strerror>".
[[noreturn]] void refuse(const Refusal& refusal);

}  // namespace trestle::kernel
