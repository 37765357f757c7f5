#pragma once
// Reading what the kernel says. Every length is checked: a cut or foreign message gives absence, never a read beyond
// it.
#include <linux/netlink.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace trestle::kernel {

// The attributes of one message or nest, by type; of a type that comes twice the last one counts. Views into the bytes
// they were made from, which must outlive them.
class Attrs {
 public:
  static constexpr std::size_t kTypes = 64;  // higher types are not looked at; IFLA_GROUP, IFLA_LINKINFO … are below

  Attrs() = default;
  explicit Attrs(std::string_view bytes);
  // The attributes behind the family header of `message`, of `header_size` bytes.
  static Attrs of(const nlmsghdr& message, std::size_t header_size);

  bool has(std::uint16_t type) const { return view(type).has_value(); }
  std::optional<std::string_view> view(std::uint16_t type) const;  // the payload
  std::optional<std::uint16_t> u16(std::uint16_t type) const;
  std::optional<std::uint8_t> u8(std::uint16_t type) const;  // nullopt also when it is too short
  std::optional<std::uint32_t> u32(std::uint16_t type) const;
  std::string text(std::uint16_t type) const;  // up to the NUL; empty when absent
  Attrs nest(std::uint16_t type) const;        // no attributes when absent
  // Of a type that may come several times: the payloads of all, in order.
  static std::vector<std::string_view> all(std::string_view bytes, std::uint16_t type);
  // The bytes behind the family header of `message`: what of() reads, for all().
  static std::string_view bytes_of(const nlmsghdr& message, std::size_t header_size);

 private:
  std::array<std::string_view, kTypes> views_{};  // data() == nullptr: absent
};

// The family header of a message; nullopt when the message is too short for one.
template <class Header>
std::optional<Header> header_of(const nlmsghdr& message) {
  if (message.nlmsg_len < NLMSG_HDRLEN + sizeof(Header)) return std::nullopt;
  Header header;
  __builtin_memcpy(&header, reinterpret_cast<const char*>(&message) + NLMSG_HDRLEN, sizeof header);
  return header;
}

}  // namespace trestle::kernel
