// Any text is read as JSON and as the result of another plugin, or refused with a CNI error that prints as one line of JSON.
// The input's first byte picks the config's version.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/error.h"
#include "cni/json.h"
#include "cni/result.h"

using trestle::base::Code;
using trestle::base::Error;
using trestle::cni::Json;
using trestle::cni::parse_json;
using trestle::cni::Result;
using trestle::cni::result_from_json;
using trestle::cni::supported_versions;
using trestle::cni::to_json;

namespace {

void promise(bool kept) {
  if (!kept) std::abort();
}

void check_error(const Error& e, const std::string& input) {
  promise(e.code == Code::decode);
  // The input as an error's text: worse than any that we write.
  const std::string text = trestle::cni::error_json("1.1.0", static_cast<int>(e.code), e.what(), input);
  promise(Json::accept(text) && text.find('\n') == std::string::npos);
}

// Printing loses what a version cannot say; what it says is stable from then on.
void check_result(const Result& result) {
  for (const std::string& version : supported_versions()) {
    Json once;
    try {
      trestle::cni::check_expressible(result, version);
      once = to_json(result, version);
    } catch (const Error& e) {
      promise(e.code == Code::bad_config && !trestle::cni::at_least(version, "0.3.0"));
      continue;
    }
    const Result again = result_from_json(parse_json(once.dump()), version);
    promise(to_json(again, version) == once);
    if (version == "1.1.0") promise(again == result);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string input(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::string& version = supported_versions()[data[0] % supported_versions().size()];
  try {
    const Json json = parse_json(input);
    (void)json.dump(-1, ' ', false, Json::error_handler_t::strict);
    promise(parse_json(json.dump()) == json);
    check_result(result_from_json(json, version));
  } catch (const Error& e) {
    check_error(e, input);
  }
  return 0;
}
