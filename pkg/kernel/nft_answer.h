#pragma once
// What the kernel says about table `trestle`, read out of its messages. Pure; every length is checked.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/attrs.h"
#include "kernel/nft_text.h"
#include "kernel/traffic.h"
#include "plan/step.h"

namespace trestle::kernel {

// Behind the family header of a message.
Attrs nft_attrs(const nlmsghdr& message);
// nf_tables' numbers are big-endian; 0 when absent.
std::uint32_t be32(const Attrs& attrs, std::uint16_t type);

// The comment in a rule's userdata, empty when it has none.
std::string rule_comment(const Attrs& rule);

// One element as it lies in the kernel: an interval has one where it begins and one behind its end.
struct RawElement {
  std::string key;
  bool end = false;
  std::string chain;      // of a verdict, empty in a set
  std::string last = {};  // the last key of a range in a concatenation
  Traffic traffic = {};   // of a set that counts
};
// Those of one NFT_MSG_NEWSETELEM.
std::vector<RawElement> raw_elements(const nlmsghdr& message);

// The parts of a set's key, from NFTA_SET_KEY_TYPE; empty when one is of a type that we never declare.
std::vector<const NftTypeInfo*> key_parts(std::uint32_t type_id);
// Elements of a set with such a key. Left out is what no plan::Element can say.
std::vector<plan::Element> read_elements(const std::vector<const NftTypeInfo*>& parts, bool interval,
                                         std::vector<RawElement> raw);

}  // namespace trestle::kernel
