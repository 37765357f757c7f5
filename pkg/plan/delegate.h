#pragma once
#include <string>

namespace trestle::plan {

// Another plugin to which a part of our work is handed, by the specification's delegation. All that a later call needs, without the runtime:
// it is kept in the record.
struct Delegate {
  std::string type;  // a plain file name, looked for in `path`
  std::string conf;  // our whole configuration, JSON
  std::string args;  // CNI_ARGS
  std::string path;  // CNI_PATH
  bool operator==(const Delegate&) const = default;
};

// A plain file name: no '/', no "." or "..", nothing that does not print.
bool is_plugin_type(const std::string& text);

}  // namespace trestle::plan
