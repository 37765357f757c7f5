// Any bytes in the place of a record give a record or Error{store}; what reads as one is written and read again without loss.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/error.h"
#include "store/record.h"
#include "store/seal.h"

using trestle::base::Code;
using trestle::base::Error;
using trestle::store::Record;

namespace {

void promise(bool kept) {
  if (!kept) std::abort();
}

void check(std::string_view text) {
  promise(trestle::store::salvage_leases(text).size() <= 256);
  (void)trestle::store::outline(text);
  try {
    const Record record = trestle::store::parse_record(text);
    const std::string again = trestle::store::record_text(record);
    promise(trestle::store::record_text(trestle::store::parse_record(again)) == again);
    const auto seen = trestle::store::outline(again);
    promise(seen && seen->leases == record.leases && seen->macs.size() == record.nics.size() &&
            seen->segment == record.segment);
  } catch (const Error& e) {
    promise(e.code == Code::store);
  }
}

}  // namespace

// The checksum would keep nearly all inputs from the parser, so each is tried with the right one as well.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  check(input);
  const auto inner = trestle::store::unseal(input);
  if (inner || !input.empty()) check(trestle::store::seal(inner ? *inner : std::string(input)));
  return 0;
}
