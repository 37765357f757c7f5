#include "overlay/tunnel_echo.h"

#include <sys/random.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "base/error.h"
#include "kernel/datagrams.h"
#include "net/names.h"

namespace trestle::overlay {

namespace {

constexpr std::uint16_t kEtherType = 0x88B5;  // IEEE 802: local experimental 1
constexpr std::array<unsigned char, 6> kNearest = {0x01, 0x80, 0xC2, 0x00, 0x00, 0x0E};
constexpr std::string_view kMagic = "trestle\1";
constexpr char kAsk = '?', kAnswer = '!';
constexpr std::size_t kSmall = 64;

// What is behind the Ethernet header, in the order of the wire; the rest of the frame is zeros.
struct Body {
  char magic[8];
  char kind;
  std::uint8_t full;
  std::uint8_t asker_size;  // 4 or 16
  char asker[16];           // its tunnel address: the frame alone does not tell it
  std::uint8_t round[8];    // as the asker wrote them
  std::uint8_t place[8];
};
static_assert(sizeof(Body) < kSmall);

template <std::size_t N>
void put(std::uint8_t (&out)[N], std::uint64_t value) {
  std::memcpy(out, &value, N);
}
template <std::size_t N>
std::uint64_t get(const std::uint8_t (&bytes)[N]) {
  std::uint64_t value = 0;
  std::memcpy(&value, bytes, N);
  return value;
}

std::uint64_t random_round() {
  std::uint64_t out = 0;
  if (::getrandom(&out, sizeof out, GRND_NONBLOCK) != sizeof out) out = static_cast<std::uint64_t>(::getpid());
  return out;
}

std::set<net::Ip> peers_of(const config::NetConf& conf) {
  std::set<net::Ip> out;
  for (const config::Peer& peer : conf.overlay->here->others) out.insert(peer.vtep);
  return out;
}

}  // namespace

TunnelEcho::TunnelEcho(const config::NetConf& conf, std::uint32_t vtep_index)
    : index_(vtep_index),
      vni_(conf.overlay->vni),
      mtu_(conf.mtu.value_or(conf.overlay->here->mtu)),
      port_(conf.overlay->port),
      local_(conf.overlay->here->local),
      mac_(net::vtep_mac(conf.overlay->vni, conf.overlay->here->identity)),
      peers_(peers_of(conf)),
      frames_(kernel::frames_of(vtep_index, kEtherType)),
      packets_(kernel::udp_from(conf.overlay->here->local)),
      round_(random_round()) {}

bool TunnelEcho::is_for(const config::NetConf& conf, std::uint32_t vtep_index) const {
  return index_ == vtep_index && local_ == conf.overlay->here->local &&
         mtu_ == conf.mtu.value_or(conf.overlay->here->mtu) && vni_ == conf.overlay->vni && port_ == conf.overlay->port;
}

void TunnelEcho::peers(const config::NetConf& conf) { peers_ = peers_of(conf); }

void TunnelEcho::ask(const std::vector<net::Ip>& nodes) {
  ++round_;
  heard_.clear();
  asked_ = nodes;
  ask_again();
}

void TunnelEcho::ask_again() {
  const std::string address = local_.bytes();
  for (std::size_t i = 0; i < asked_.size(); ++i)
    for (const bool full : {false, true}) {
      if (full ? heard_[asked_[i]].full : heard_[asked_[i]].small) continue;
      Body body{};
      std::copy(kMagic.begin(), kMagic.end(), body.magic);
      body.kind = kAsk;
      body.full = full ? 1 : 0;
      body.asker_size = static_cast<std::uint8_t>(address.size());
      std::copy(address.begin(), address.end(), body.asker);
      put(body.round, round_);
      put(body.place, i);
      std::string text(reinterpret_cast<const char*>(&body), sizeof body);
      text.resize(full ? std::max<std::size_t>(mtu_, kSmall) : kSmall);
      send(asked_[i], text);
    }
}

bool TunnelEcho::all_heard() const {
  return std::ranges::all_of(heard_, [](const auto& one) { return one.second.small && one.second.full; });
}

// One that cannot be sent is one that is not answered.
void TunnelEcho::send(const net::Ip& to, const std::string& body) {
  const std::array<unsigned char, 8> vxlan = {8,  // the VNI counts
                                              0,
                                              0,
                                              0,
                                              static_cast<unsigned char>(vni_ >> 16U),
                                              static_cast<unsigned char>(vni_ >> 8U),
                                              static_cast<unsigned char>(vni_),
                                              0};
  std::string packet(vxlan.begin(), vxlan.end());
  packet.append(kNearest.begin(), kNearest.end());
  packet.append(mac_.bytes.begin(), mac_.bytes.end());
  packet += static_cast<char>(kEtherType >> 8U);
  packet += static_cast<char>(kEtherType & 0xFFU);
  packet += body;
  sockaddr_storage address{};
  const socklen_t size = kernel::fill(address, to, port_);
  (void)::sendto(packets_.get(), packet.data(), packet.size(), 0, reinterpret_cast<const sockaddr*>(&address), size);
}

void TunnelEcho::answer(std::string body) {
  Body head{};
  std::memcpy(&head, body.data(), sizeof head);
  if (head.asker_size != 4 && head.asker_size != 16) return;
  const net::Ip asker = net::Ip::from_bytes({head.asker, head.asker_size});
  // Else a frame of a stranger's could have us send to anybody.
  if (!peers_.contains(asker) || asker.family != local_.family || body.size() > mtu_) return;
  body[offsetof(Body, kind)] = kAnswer;
  send(asker, body);
}

void TunnelEcho::take(bool serve) {
  constexpr int kAtOnce = 1024;  // who floods us does not hold up the loop
  std::string body(65536, '\0');
  for (int i = 0; i < kAtOnce; ++i) {
    const ssize_t n = ::recv(frames_.get(), body.data(), body.size(), 0);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return;  // none, or the link went: the next look at the node makes another socket
    Body head{};
    if (static_cast<std::size_t>(n) < sizeof head) continue;
    std::memcpy(&head, body.data(), sizeof head);
    if (std::string_view(head.magic, sizeof head.magic) != kMagic) continue;
    if (head.kind == kAsk && serve) answer(body.substr(0, static_cast<std::size_t>(n)));
    const std::uint64_t place = get(head.place);
    if (head.kind != kAnswer || get(head.round) != round_ || place >= asked_.size()) continue;
    Heard& heard = heard_[asked_[place]];
    (head.full != 0 ? heard.full : heard.small) = true;
  }
}

}  // namespace trestle::overlay
