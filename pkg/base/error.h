#pragma once
#include <stdexcept>
#include <string>
#include <utility>

namespace trestle::base {

// Codes of a CNI error. 0-99 are the specification's (SPEC section 5), 100 and up are Trestle's own (README, "Error
// codes").
enum class Code : int {
  incompatible_version = 1,
  unsupported_field = 2,  // the message carries key and value
  unknown_container = 3,  // tells the runtime that no DEL is needed: only when nothing is left
  bad_environment = 4,    // CNI_* variables and CNI_ARGS
  io = 5,                 // stdin, stdout
  decode = 6,             // not JSON, or beyond our limits
  bad_config = 7,
  try_again = 11,
  not_available = 50,  // STATUS: no ADD can be served
  limited = 51,        // STATUS: nor are existing attachments whole
  kernel = 100,
  store = 101,
  pool_full = 102,
  held = 103,  // an address, name or switch belongs to another, who is named
  already_attached = 104,
  differs = 105,  // CHECK
  kernel_lacks = 106,
  delegate = 107,
  teardown = 108,  // DEL or GC left something; calling again may help
  bug = 199,
};

// The one error type that leaves the program. `what()` is a sentence: the object, the reason, what to do.
// `details` is for whoever looks closer: one line per cause. Never echoes unparsed input.
struct Error : std::runtime_error {
  Error(Code c, const std::string& message, std::string more = {})
      : std::runtime_error(message), code(c), details(std::move(more)) {}
  Code code;
  std::string details;
};

// Throws Error{code, "<what>: <strerror(err)>"}. Take errno on the line after the call, before anything allocates.
[[noreturn]] void throw_errno(int err, const std::string& what, Code code = Code::kernel);

// Runs `body`; an Error passing through gets "<what>: " put before its message, code and details kept.
template <class F>
auto in_context(const std::string& what, F&& body) {
  try {
    return std::forward<F>(body)();
  } catch (const Error& e) {
    throw Error(e.code, what + ": " + e.what(), e.details);
  }
}

}  // namespace trestle::base
