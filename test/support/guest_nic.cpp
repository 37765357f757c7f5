#include "support/guest_nic.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <stdexcept>
#include <system_error>
#include <thread>

#include "support/frame.h"
#include "support/netns.h"
#include "support/run.h"

namespace trestle::test {

namespace {

using Clock = std::chrono::steady_clock;
constexpr int kHeader = 12;  // virtio's, with the number of buffers

base::Fd open_tun(const base::Fd& netns) {
  const Inside inside(netns);  // a descriptor of /dev/net/tun belongs to the namespace it is opened in
  base::Fd fd(::open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK));
  if (!fd.valid()) throw std::system_error(errno, std::generic_category(), "/dev/net/tun");
  return fd;
}

// In a child, because there is no way back from giving up root; the descriptor is the same.
int attach(int fd, const std::string& tap, const Opener& opener) {
  const pid_t child = ::fork();
  if (child == 0) {
    if (::setgroups(0, nullptr) != 0 || ::setresgid(opener.gid, opener.gid, opener.gid) != 0 ||
        ::setresuid(opener.uid, opener.uid, opener.uid) != 0)
      ::_exit(255);
    ifreq request{};
    std::strncpy(request.ifr_name, tap.c_str(), IFNAMSIZ - 1);
    request.ifr_flags = static_cast<short>(IFF_TAP | IFF_NO_PI | (opener.virtio_headers ? IFF_VNET_HDR : 0) |
                                           (opener.multi_queue ? IFF_MULTI_QUEUE : 0));
    ::_exit(::ioctl(fd, TUNSETIFF, &request) == 0 ? 0 : errno);
  }
  int status = 0;
  if (child < 0 || ::waitpid(child, &status, 0) != child || !WIFEXITED(status) || WEXITSTATUS(status) == 255)
    throw std::runtime_error("no child that opens a TAP");
  return WEXITSTATUS(status);
}

}  // namespace

int try_tap(const base::Fd& netns, const std::string& tap, const Opener& opener) {
  const base::Fd fd = open_tun(netns);
  return attach(fd.get(), tap, opener);
}

GuestNic::GuestNic(const base::Fd& netns, const std::string& tap, const Opener& opener)
    : fd_(open_tun(netns)), header_(opener.virtio_headers ? kHeader : 0) {
  if (const int err = attach(fd_.get(), tap, opener); err != 0)
    throw std::system_error(err, std::generic_category(), "open TAP " + tap);
  int size = kHeader;
  if (header_ != 0 && ::ioctl(fd_.get(), TUNSETVNETHDRSZ, &size) != 0)
    throw std::system_error(errno, std::generic_category(), "TUNSETVNETHDRSZ");
  // What goes to the guest is lost until the kernel has noticed the carrier, and on a busy machine a test was faster (who
  // asks for a link makes it notice, since Linux 6.8). A TAP that is down stays as it is.
  const Inside inside(netns);
  const auto deadline = Clock::now() + std::chrono::seconds(1);
  while (run("ip link show dev " + tap).out.find("NO-CARRIER") != std::string::npos && Clock::now() < deadline)
    ::usleep(1'000);
}

void GuestNic::send(std::string_view frame) {
  const std::string bytes = std::string(header_, '\0') + std::string(frame);
  if (::write(fd_.get(), bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size()))
    throw std::system_error(errno, std::generic_category(), "send a frame by the TAP");
}

std::optional<Frame> GuestNic::wait(const std::function<bool(const Frame&)>& wanted, int patience_ms) {
  const auto deadline = Clock::now() + std::chrono::milliseconds(patience_ms);
  for (;;) {
    char bytes[65600];
    const ssize_t n = ::read(fd_.get(), bytes, sizeof bytes);
    if (n >= static_cast<ssize_t>(header_)) {
      Frame frame{std::string(bytes + header_, static_cast<std::size_t>(n) - header_), false};
      if (wanted(frame)) return frame;
      continue;
    }
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (left <= 0) return std::nullopt;
    pollfd one{fd_.get(), POLLIN, 0};
    ::poll(&one, 1, static_cast<int>(left));
  }
}

std::optional<Frame> GuestNic::wait_for(std::string_view part, int patience_ms) {
  return wait([&](const Frame& frame) { return frame.bytes.find(part) != std::string::npos; }, patience_ms);
}

namespace {

std::string part(const std::string& frame, std::size_t at, std::size_t size) {
  return at + size <= frame.size() ? frame.substr(at, size) : std::string();
}

std::string mac_text(const std::string& bytes) {
  std::string out;
  char two[4];
  for (const char byte : bytes) {
    std::snprintf(two, sizeof two, "%02x", static_cast<unsigned char>(byte));
    out += (out.empty() ? "" : ":") + std::string(two);
  }
  return out;
}

std::string ip_text(const std::string& bytes) {
  std::string out;
  for (const char byte : bytes) out += (out.empty() ? "" : ".") + std::to_string(static_cast<unsigned char>(byte));
  return out;
}

constexpr std::size_t kPayload = 14, kArpSenderMac = 22, kArpSender = 28, kArpTarget = 38, kIpFrom = 26, kIpTo = 30,
                      kIcmp = 34;
const std::string kArpRequest("\x08\x06\0\x01\x08\0\x06\x04\0\x01", 10),
    kArpReply("\x08\x06\0\x01\x08\0\x06\x04\0\x02", 10);

std::string echo_message(char type, const std::string& rest) {
  std::string message = std::string(1, type) + std::string(3, '\0') + rest;
  set_checksum(message, 2, checksum(message));
  return message;
}

bool is_icmp(const std::string& frame, char type) {
  return part(frame, 12, 2) == std::string("\x08\0", 2) && part(frame, 23, 1) == "\x01" &&
         part(frame, kIcmp, 1) == std::string(1, type);
}

}  // namespace

struct GuestStack::State {
  std::atomic<bool> stop = false;
  std::thread thread;
};

GuestStack::GuestStack(GuestNic& nic, std::string mac, std::string ip) : state_(std::make_shared<State>()) {
  state_->thread = std::thread([&nic, mac, ip, state = state_] {
    while (!state->stop) {
      const auto got = nic.wait([](const Frame&) { return true; }, 20);
      if (!got) continue;
      const std::string& frame = got->bytes;
      if (part(frame, 12, 10) == kArpRequest && part(frame, kArpTarget, 4) == ip_bytes(ip)) {
        const std::string asker = mac_text(part(frame, kArpSenderMac, 6));
        nic.send(ethernet(asker, mac, kEthArp, arp(2, mac, ip, asker, ip_text(part(frame, kArpSender, 4)))));
      } else if (is_icmp(frame, 8) && part(frame, kIpTo, 4) == ip_bytes(ip)) {
        const auto length = static_cast<std::size_t>(static_cast<unsigned char>(frame[kPayload + 2])) * 256 +
                            static_cast<unsigned char>(frame[kPayload + 3]);
        nic.send(ethernet(
            mac_text(part(frame, 6, 6)), mac, kEthIp4,
            ip4(ip, ip_text(part(frame, kIpFrom, 4)), 1, echo_message(0, part(frame, kIcmp + 4, length - 24)))));
      }
    }
  });
}

GuestStack::~GuestStack() {
  state_->stop = true;
  state_->thread.join();
}

std::string ask_arp(GuestNic& nic, const std::string& mac, const std::string& own, const std::string& ip,
                    int patience_ms) {
  nic.send(ethernet("ff:ff:ff:ff:ff:ff", mac, kEthArp, arp(1, mac, own, "00:00:00:00:00:00", ip)));
  const auto reply = nic.wait(
      [&](const Frame& frame) {
        return part(frame.bytes, 12, 10) == kArpReply && part(frame.bytes, kArpSender, 4) == ip_bytes(ip);
      },
      patience_ms);
  return reply ? mac_text(part(reply->bytes, kArpSenderMac, 6)) : std::string();
}

bool echo_from(GuestNic& nic, const std::string& mac, const std::string& own, const std::string& to_mac,
               const std::string& ip, std::size_t size, int patience_ms) {
  nic.send(
      ethernet(to_mac, mac, kEthIp4, ip4(own, ip, 1, echo_message(8, std::string(4, '\1') + std::string(size, 'x')))));
  // The gateway may ask first who has our address.
  const auto reply = nic.wait(
      [&](const Frame& frame) {
        if (part(frame.bytes, 12, 10) == kArpRequest && part(frame.bytes, kArpTarget, 4) == ip_bytes(own)) {
          const std::string asker = mac_text(part(frame.bytes, kArpSenderMac, 6));
          nic.send(ethernet(asker, mac, kEthArp, arp(2, mac, own, asker, ip_text(part(frame.bytes, kArpSender, 4)))));
        }
        return is_icmp(frame.bytes, 0) && part(frame.bytes, kIpFrom, 4) == ip_bytes(ip);
      },
      patience_ms);
  return reply.has_value();
}

}  // namespace trestle::test
