#pragma once
// One netlink socket and what goes over it: requests are built without a socket (so a test reads them back), several go
// in one send, and every answer is matched by sequence number.
#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/fd.h"

struct nlmsghdr;

namespace trestle::kernel {

// A buffer of netlink requests, in the order in which the kernel will see them. Building needs no socket and never
// fails, but for an attribute beyond 64 KiB: Error{bug}.
class Batch {
 public:
  // Starts a request (NLM_F_REQUEST | NLM_F_ACK | flags) with a zeroed family header of `header_size` bytes, which is
  // returned and valid until the next call. `label` stands in the error when the kernel refuses: "veth1234: create".
  void* begin(std::uint16_t type, std::uint16_t flags, std::size_t header_size, std::string label);
  void put(std::uint16_t type, const void* data, std::size_t size);
  void put(std::uint16_t type, std::string_view bytes) { put(type, bytes.data(), bytes.size()); }
  void put_u8(std::uint16_t type, std::uint8_t value) { put(type, &value, sizeof value); }
  void put_u16(std::uint16_t type, std::uint16_t value) { put(type, &value, sizeof value); }
  void put_u32(std::uint16_t type, std::uint32_t value) { put(type, &value, sizeof value); }
  void put_text(std::uint16_t type, std::string_view text);  // with its NUL
  // Sets NLA_F_NESTED, as the kernel's strict checking wants it. Returns what close_nest() takes; nests may nest.
  std::size_t open_nest(std::uint16_t type);
  void close_nest(std::size_t nest);
  // Raw bytes inside the current request, padded to 4: a nested header (VETH_INFO_PEER's ifinfomsg), or attributes
  // built elsewhere.
  void append(const void* data, std::size_t size);
  // Errors that count as success for the current request (at most 6): `accept(EEXIST)`. For get() and dump(): "there is
  // none".
  void accept(int err);

  bool empty() const { return requests_.empty(); }
  std::size_t size() const { return requests_.size(); }
  std::string_view bytes() const { return {buffer_.data(), buffer_.size()}; }  // 4-aligned messages
  void clear();

 private:
  friend class Socket;
  struct Request {
    std::size_t offset = 0;
    std::string label;
    std::array<int, 6> accepted{};
    bool accepts(int err) const;
  };
  nlmsghdr* message(std::size_t index);
  void finish_length();  // the current message reaches to the end of the buffer
  // Numbers the requests first, first + 1, … before they are sent.
  void number(std::uint32_t first);
  std::string buffer_;
  std::vector<Request> requests_;
};

// One refused request of a batch.
struct Refusal {
  std::size_t index = 0;  // which request
  int err = 0;            // errno
  std::string label;      // its label, with the kernel's extended-ack text behind it, in brackets, when there is one
};

// The netlink families that we speak (linux/netlink.h).
enum class Protocol : int { route = 0, netfilter = 12 };

// Every member throws Error{kernel} when the conversation itself fails, and Error{try_again} when no answer came for
// 10 s.
class Socket {
 public:
  // In the calling thread's network namespace; it stays there when the thread leaves. Extended
  // acks and strict checking on, receive buffer raised, SO_RCVTIMEO 10 s.
  static Socket open(Protocol protocol);

  // Sends all requests in one sendmsg and collects every ack. Returns what the kernel refused, in order. The batch is
  // cleared. The kernel goes on after a message that failed: what may fail goes in a send of its own. ENOBUFS on
  // receive: the kernel *has* done it (reliability.md 21); the acks that did arrive are read, and what stays unknown is
  // reported as EAGAIN refusals.
  std::vector<Refusal> send(Batch& batch);
  // As send(), and throws the first refusal by refuse().
  void send_or_throw(Batch& batch);
  // One request with one answer (a get by name): the answer's message, header included, or nullopt when the kernel says
  // ENODEV, ENOENT, ESRCH, EADDRNOTAVAIL, ENODATA or an error that the request accepts. Other refusals are thrown.
  // Clears the batch. `may_be_silent`: the kernel has requests that it does without an answer when there is none to give (RTM_GETQDISC of a
  // built-in qdisc); nullopt then, instead of waiting for it.
  std::optional<std::vector<char>> get(Batch& batch, bool may_be_silent = false);
  // One dump request (the caller sets NLM_F_DUMP): calls `each` per message. Retried from the start up to 8 times when
  // the kernel says that it changed meanwhile (NLM_F_DUMP_INTR) or lost a part; `restart` is called before each further
  // try, so that the caller forgets what it heard; then throws Error{try_again}. An accepted error ends the dump as if
  // it were empty. What `each` throws comes through once the dump is read to its end, so the socket stays usable.
  // Clears the batch.
  void dump(Batch& batch, const std::function<void()>& restart, const std::function<void(const nlmsghdr&)>& each);

  // SO_NETNS_COOKIE: unique since boot, whereas inodes are reused (reliability.md 34).
  std::uint64_t netns_cookie() const;
  int fd() const { return fd_.get(); }
  std::uint32_t next_sequence() { return ++sequence_; }
  // For nftables batches: sends the bytes, collects acks and errors by sequence number. Number the
  // messages, batch begin and end too, by next_sequence(). `expected`: sequence numbers of messages with NLM_F_ACK.
  // Returns (sequence, errno) of every refusal; one of a message outside `expected` (the kernel answers to the first
  // message when it refuses the batch as a whole) is among them, and nothing more is waited for then. After ENOBUFS the
  // numbers without an answer are returned with EAGAIN: the transaction may stand or not.
  std::vector<std::pair<std::uint32_t, int>> send_raw(std::string_view bytes,
                                                      const std::vector<std::uint32_t>& expected);

 private:
  struct Answer;
  explicit Socket(base::Fd fd, std::uint32_t port) : fd_(std::move(fd)), port_(port) {}
  void transmit(std::string_view bytes);
  // Acks and errors numbered first..last; `each(answer)` returns whether to wait for more. Returns whether all was
  // heard: false after ENOBUFS, when nothing more is in the queue.
  bool collect(std::uint32_t first, std::uint32_t last, const std::function<bool(const Answer&)>& each);
  struct Datagram {
    enum State { whole, lost, nothing } state;
    std::string_view bytes;
  };
  struct Buffer {  // not cleared: 32 KiB of zeros per question push everything else out of the processor's first cache
    Buffer() = default;
    explicit Buffer(std::size_t n) : bytes(std::make_unique_for_overwrite<char[]>(n)), size(n) {}
    std::unique_ptr<char[]> bytes;
    std::size_t size = 0;
  };
  class Borrowed;  // the buffer of the last question, once more
  // One datagram into `buffer`. Lost: the queue overflowed, or `buffer` was too short and has grown. Nothing: only when
  // `lost` says that something was lost before: then it does not wait.
  Datagram receive(Buffer& buffer, bool lost);
  base::Fd fd_;
  std::uint32_t port_ = 0;
  std::uint32_t sequence_ = 0;
  Buffer spare_;
};

// Throws what a refusal means: EOPNOTSUPP, EAFNOSUPPORT, EPROTONOSUPPORT -> Error{kernel_lacks}; EAGAIN ->
// Error{try_again}; else Error{kernel}. The message is "<label>: <strerror>".
[[noreturn]] void refuse(const Refusal& refusal);

}  // namespace trestle::kernel
