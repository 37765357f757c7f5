#include "kernel/attrs.h"

#include <cstring>

namespace trestle::kernel {

namespace {

// `each(type, payload)` for one attribute after the other, until one that is cut.
template <class Each>
void walk(std::string_view bytes, Each&& each) {
  while (bytes.size() >= NLA_HDRLEN) {
    nlattr attr{};
    std::memcpy(&attr, bytes.data(), sizeof attr);
    if (attr.nla_len < NLA_HDRLEN || attr.nla_len > bytes.size()) return;
    each(std::size_t{attr.nla_type} & NLA_TYPE_MASK, bytes.substr(NLA_HDRLEN, attr.nla_len - std::size_t{NLA_HDRLEN}));
    const std::size_t step = NLA_ALIGN(std::size_t{attr.nla_len});
    if (step >= bytes.size()) return;
    bytes.remove_prefix(step);
  }
}

}  // namespace

Attrs::Attrs(std::string_view bytes) {
  walk(bytes, [&](std::size_t type, std::string_view payload) {
    if (type < kTypes) views_[type] = payload;
  });
}

std::string_view Attrs::bytes_of(const nlmsghdr& message, std::size_t header_size) {
  const std::size_t start = NLMSG_HDRLEN + NLMSG_ALIGN(header_size);
  if (message.nlmsg_len <= start) return {};
  return {reinterpret_cast<const char*>(&message) + start, message.nlmsg_len - start};
}

Attrs Attrs::of(const nlmsghdr& message, std::size_t header_size) { return Attrs(bytes_of(message, header_size)); }

std::vector<std::string_view> Attrs::all(std::string_view bytes, std::uint16_t wanted) {
  std::vector<std::string_view> out;
  walk(bytes, [&](std::size_t type, std::string_view payload) {
    if (type == wanted) out.push_back(payload);
  });
  return out;
}

std::optional<std::string_view> Attrs::view(std::uint16_t type) const {
  if (type >= kTypes || views_[type].data() == nullptr) return std::nullopt;
  return views_[type];
}

std::optional<std::uint8_t> Attrs::u8(std::uint16_t type) const {
  const auto bytes = view(type);
  if (!bytes || bytes->empty()) return std::nullopt;
  return static_cast<std::uint8_t>(bytes->front());
}

std::optional<std::uint32_t> Attrs::u32(std::uint16_t type) const {
  const auto bytes = view(type);
  std::uint32_t value = 0;
  if (!bytes || bytes->size() < sizeof value) return std::nullopt;
  std::memcpy(&value, bytes->data(), sizeof value);
  return value;
}

std::optional<std::uint16_t> Attrs::u16(std::uint16_t type) const {
  const auto bytes = view(type);
  std::uint16_t value = 0;
  if (!bytes || bytes->size() < sizeof value) return std::nullopt;
  std::memcpy(&value, bytes->data(), sizeof value);
  return value;
}

std::string Attrs::text(std::uint16_t type) const {
  const auto bytes = view(type);
  return bytes ? std::string(bytes->substr(0, bytes->find('\0'))) : std::string();
}

Attrs Attrs::nest(std::uint16_t type) const {
  const auto bytes = view(type);
  return bytes ? Attrs(*bytes) : Attrs();
}

}  // namespace trestle::kernel
