#include "kernel/nft_answer.h"

#include <arpa/inet.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include <algorithm>
#include <cstring>
#include <optional>

#include "base/error.h"

namespace trestle::kernel {
namespace {

std::optional<plan::Field> read_field(const NftTypeInfo& type, std::string_view bytes) {
  switch (type.form) {
    case NftForm::name:
      return net::IfName::parse(bytes.substr(0, bytes.find('\0')));
    case NftForm::mac: {
      net::Mac mac;
      std::memcpy(mac.bytes.data(), bytes.data(), mac.bytes.size());
      return mac;
    }
    case NftForm::ip4:
    case NftForm::ip6:
      return net::Ip::from_bytes(bytes);
    case NftForm::number:
    case NftForm::host_number:
    case NftForm::bits:
      return std::nullopt;  // no plan::Field yet
  }
  return std::nullopt;
}

std::optional<plan::Element> read_element(const std::vector<const NftTypeInfo*>& parts, const RawElement& raw) {
  plan::Element element{{}, raw.chain};
  std::string_view rest = raw.key;
  for (const NftTypeInfo* part : parts) {
    if (rest.size() < part->size) return std::nullopt;
    try {
      const auto field = read_field(*part, rest.substr(0, part->size));
      if (!field) return std::nullopt;
      element.key.push_back(*field);
    } catch (const base::Error&) {
      return std::nullopt;  // a foreign hand wrote what is no interface name
    }
    rest.remove_prefix(std::min(nft_padded(part->size), rest.size()));
  }
  return element;
}

// The prefix that begins at `first` and ends before `behind`; nullopt when there is no such one. No `behind`: it
// reaches to the end.
std::optional<net::Cidr> prefix_of(const net::Ip& first, const std::optional<net::Ip>& behind) {
  for (int length = 0; length <= first.bits(); ++length) {
    const net::Cidr cidr{first, static_cast<std::uint8_t>(length)};
    if (cidr.first() != first) continue;
    net::Ip next = cidr.last();
    const bool last = next == net::Cidr{first, 0}.last();
    next.value += 1;
    if (behind ? !last && next == *behind : last) return cidr;
  }
  return std::nullopt;
}

// Elements of a concatenation whose last part is a range that a prefix can say.
std::vector<plan::Element> read_ranges(const std::vector<const NftTypeInfo*>& parts,
                                       const std::vector<RawElement>& raw) {
  std::vector<plan::Element> out;
  for (const RawElement& some : raw) {
    auto first = read_element(parts, some);
    const auto last = read_element(parts, {some.last.empty() ? some.key : some.last, false, {}, {}, {}});
    if (!first || !last) continue;
    const auto* low = std::get_if<net::Ip>(&first->key.back());
    const auto* high = std::get_if<net::Ip>(&last->key.back());
    if (!low || !high) continue;
    for (int length = 0; length <= low->bits(); ++length) {
      const net::Cidr cidr{*low, static_cast<std::uint8_t>(length)};
      if (cidr.first() != *low || cidr.last() != *high) continue;
      first->key.back() = cidr;
      out.push_back(std::move(*first));
      break;
    }
  }
  return out;
}

}  // namespace

Attrs nft_attrs(const nlmsghdr& message) { return Attrs::of(message, sizeof(nfgenmsg)); }

std::uint32_t be32(const Attrs& attrs, std::uint16_t type) { return ntohl(attrs.u32(type).value_or(0)); }

std::string rule_comment(const Attrs& rule) {
  std::string_view notes = rule.view(NFTA_RULE_USERDATA).value_or(std::string_view());
  while (notes.size() >= 2) {  // type, length, value
    const auto length = static_cast<unsigned char>(notes[1]);
    const std::string_view value = notes.substr(2, length);
    if (notes[0] == 0) return std::string(value.substr(0, value.find('\0')));
    notes.remove_prefix(std::min<std::size_t>(notes.size(), 2U + length));
  }
  return {};
}

std::vector<RawElement> raw_elements(const nlmsghdr& message) {
  const auto key = [](const Attrs& element, std::uint16_t attr) {
    return std::string(element.nest(attr).view(NFTA_DATA_VALUE).value_or(std::string_view()));
  };
  const auto number = [](const Attrs& counter, std::uint16_t attr) {
    std::uint64_t value = 0;
    for (const char byte : counter.view(attr).value_or(std::string_view()))
      value = value << 8U | static_cast<unsigned char>(byte);
    return value;
  };
  std::vector<RawElement> out;
  const auto list = nft_attrs(message).view(NFTA_SET_ELEM_LIST_ELEMENTS);
  for (const std::string_view bytes : Attrs::all(list.value_or(std::string_view()), NFTA_LIST_ELEM)) {
    const Attrs element(bytes);
    const Attrs counter = element.nest(NFTA_SET_ELEM_EXPR).nest(NFTA_EXPR_DATA);
    out.push_back({key(element, NFTA_SET_ELEM_KEY),
                   (be32(element, NFTA_SET_ELEM_FLAGS) & NFT_SET_ELEM_INTERVAL_END) != 0,
                   element.nest(NFTA_SET_ELEM_DATA).nest(NFTA_DATA_VERDICT).text(NFTA_VERDICT_CHAIN),
                   key(element, NFTA_SET_ELEM_KEY_END),
                   {number(counter, NFTA_COUNTER_PACKETS), number(counter, NFTA_COUNTER_BYTES)}});
  }
  return out;
}

std::vector<const NftTypeInfo*> key_parts(std::uint32_t type_id) {
  std::vector<const NftTypeInfo*> parts;
  for (; type_id != 0; type_id >>= kNftConcatBits) {
    const NftTypeInfo* type = find_set_type(type_id & ((1U << kNftConcatBits) - 1));
    if (!type) return {};
    parts.insert(parts.begin(), type);
  }
  return parts;
}

std::vector<plan::Element> read_elements(const std::vector<const NftTypeInfo*>& parts, bool interval,
                                         std::vector<RawElement> raw) {
  std::vector<plan::Element> out;
  if (parts.empty()) return out;
  if (interval && parts.size() > 1) return read_ranges(parts, raw);
  // The kernel gives an interval set from the highest element down; at one key the end of one comes before the start of
  // the next.
  if (interval)
    std::ranges::sort(
        raw, [](const RawElement& a, const RawElement& b) { return a.key != b.key ? a.key < b.key : a.end > b.end; });
  for (std::size_t i = 0; i < raw.size(); ++i) {
    if (raw[i].end) continue;
    auto element = read_element(parts, raw[i]);
    if (!element) continue;
    if (interval) {
      const auto behind = i + 1 < raw.size() && raw[i + 1].end ? read_element(parts, raw[i + 1]) : std::nullopt;
      const auto* first = std::get_if<net::Ip>(&element->key.front());
      const auto cidr =
          first ? prefix_of(*first, behind ? std::optional(std::get<net::Ip>(behind->key.front())) : std::nullopt)
                : std::nullopt;
      if (!cidr) continue;
      element->key.front() = *cidr;
    }
    out.push_back(std::move(*element));
  }
  return out;
}

}  // namespace trestle::kernel
