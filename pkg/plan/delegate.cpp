#include "plan/delegate.h"

#include "base/text.h"

namespace trestle::plan {

bool is_plugin_type(const std::string& text) {
  return !text.empty() && text.size() <= 255 && text != "." && text != ".." && text.find('/') == std::string::npos &&
         base::printable(text, 255) == text;
}

}  // namespace trestle::plan
