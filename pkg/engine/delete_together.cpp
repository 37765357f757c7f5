#include <cerrno>

#include "engine/undo.h"

namespace trestle::engine {

void delete_together(Context& context, const std::vector<net::IfName>& links) {
  if (links.empty()) return;
  kernel::Batch batch;
  for (const net::IfName& link : links) {
    kernel::set_link(batch, link, std::nullopt, nullptr, context.doomed(), std::nullopt);
    batch.accept(ENODEV);
  }
  kernel::delete_group(batch, context.doomed());
  context.route().send_or_throw(batch);
}

}  // namespace trestle::engine
