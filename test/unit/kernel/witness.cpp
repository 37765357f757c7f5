#include "witness.h"

#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include <stdexcept>

#include "base/text.h"

namespace trestle::test {

namespace {

using Lines = std::vector<std::string>;

void read_attributes(const char* at, const char* end, const std::string& indent, const std::string& path,
                     Lines& lines) {
  while (at < end) {
    const auto* attr = reinterpret_cast<const nlattr*>(at);
    if (!mnl_attr_ok(attr, static_cast<int>(end - at))) throw std::logic_error("broken attribute in " + path);
    const std::string type = std::to_string(mnl_attr_get_type(attr)), here = path + "/" + type;
    const auto* payload = static_cast<const char*>(mnl_attr_get_payload(attr));
    const std::size_t size = mnl_attr_get_payload_len(attr);
    if ((attr->nla_type & NLA_F_NESTED) != 0) {
      const bool peer = here == "/18/2/1";  // IFLA_LINKINFO, IFLA_INFO_DATA, VETH_INFO_PEER: a header first
      const std::size_t skip = peer ? sizeof(ifinfomsg) : 0;
      lines.push_back(indent + type + ":" + (peer ? " header " + hex_of({payload, skip}) : ""));
      read_attributes(payload + skip, payload + size, indent + "  ", here, lines);
    } else {
      lines.push_back(indent + type + ": " + hex_of({payload, size}));
    }
    at += MNL_ALIGN(attr->nla_len);
  }
}

}  // namespace

std::string hex_of(std::string_view bytes) {
  std::string text;
  for (const char c : bytes) text += base::hex(static_cast<unsigned char>(c), 2);
  return text;
}

Lines read_back(const kernel::Batch& batch, std::size_t header_size) {
  const std::string_view bytes = batch.bytes();
  Lines lines;
  int left = static_cast<int>(bytes.size());
  const auto* message = reinterpret_cast<const nlmsghdr*>(bytes.data());
  while (left > 0) {
    if (!mnl_nlmsg_ok(message, left)) throw std::logic_error("broken message");
    const auto* payload = static_cast<const char*>(mnl_nlmsg_get_payload(message));
    lines.push_back("type " + std::to_string(message->nlmsg_type) + " flags " + base::hex(message->nlmsg_flags, 3) +
                    " header " + hex_of({payload, header_size}));
    read_attributes(payload + MNL_ALIGN(header_size), static_cast<const char*>(mnl_nlmsg_get_payload_tail(message)),
                    "  ", "", lines);
    message = mnl_nlmsg_next(message, &left);
  }
  if (left != 0) throw std::logic_error("bytes are left");
  return lines;
}

}  // namespace trestle::test
