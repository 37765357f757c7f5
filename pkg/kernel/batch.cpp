#include <linux/netlink.h>

#include <algorithm>
#include <cstring>

#include "kernel/netlink.h"

namespace trestle::kernel {

namespace {

constexpr std::size_t kTypical = 2048;  // an ADD's largest send: one allocation

}  // namespace

bool Batch::Request::accepts(int err) const {
  return std::find(accepted.begin(), accepted.end(), err) != accepted.end();
}

nlmsghdr* Batch::message(std::size_t index) {
  return reinterpret_cast<nlmsghdr*>(buffer_.data() + requests_[index].offset);
}

void Batch::finish_length() {
  const std::size_t length = buffer_.size() - requests_.back().offset;
  message(requests_.size() - 1)->nlmsg_len = static_cast<std::uint32_t>(length);
}

void* Batch::begin(std::uint16_t type, std::uint16_t flags, std::size_t header_size, std::string label) {
  if (buffer_.capacity() < kTypical) buffer_.reserve(kTypical);
  const std::size_t offset = buffer_.size();
  requests_.push_back(Request{offset, std::move(label), {}});
  buffer_.append(NLMSG_HDRLEN + NLMSG_ALIGN(header_size), '\0');
  nlmsghdr* header = message(requests_.size() - 1);
  header->nlmsg_type = type;
  header->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | NLM_F_ACK | flags);
  finish_length();
  return NLMSG_DATA(header);
}

void Batch::put(std::uint16_t type, const void* data, std::size_t size) {
  const std::size_t length = NLA_HDRLEN + size;
  // A length that wraps would make the kernel read the rest of the value as attributes.
  if (length > UINT16_MAX)
    throw base::Error(base::Code::bug, "netlink attribute of " + std::to_string(size) + " bytes");
  const nlattr header{static_cast<std::uint16_t>(length), type};
  buffer_.append(reinterpret_cast<const char*>(&header), sizeof header);
  append(data, size);
}

void Batch::put_text(std::uint16_t type, std::string_view text) {
  const std::string with_nul(text);
  put(type, with_nul.c_str(), with_nul.size() + 1);
}

std::size_t Batch::open_nest(std::uint16_t type) {
  const std::size_t nest = buffer_.size();
  put(static_cast<std::uint16_t>(type | NLA_F_NESTED), nullptr, 0);
  return nest;
}

void Batch::close_nest(std::size_t nest) {
  const std::size_t length = buffer_.size() - nest;
  if (length > UINT16_MAX) throw base::Error(base::Code::bug, "netlink nest of " + std::to_string(length) + " bytes");
  reinterpret_cast<nlattr*>(buffer_.data() + nest)->nla_len = static_cast<std::uint16_t>(length);
}

void Batch::append(const void* data, std::size_t size) {
  if (size > 0) buffer_.append(static_cast<const char*>(data), size);
  buffer_.append(NLMSG_ALIGN(size) - size, '\0');
  finish_length();
}

void Batch::accept(int err) {
  auto& accepted = requests_.back().accepted;
  const auto free = std::find(accepted.begin(), accepted.end(), 0);
  if (free == accepted.end()) throw base::Error(base::Code::bug, "a request accepts at most 6 errors");
  *free = err;
}

void Batch::number(std::uint32_t first) {
  for (std::size_t i = 0; i < requests_.size(); ++i) message(i)->nlmsg_seq = first + static_cast<std::uint32_t>(i);
}

void Batch::clear() {
  buffer_.clear();
  requests_.clear();
}

}  // namespace trestle::kernel
