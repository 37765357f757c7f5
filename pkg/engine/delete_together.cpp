#include <cerrno>

#include "engine/undo.h"

namespace trestle::engine {

void delete_together(Context& context, const std::vector<net::IfName>& switches) {
  if (switches.empty()) return;
  kernel::Batch batch;
  for (const net::IfName& link : switches) {
    kernel::set_link(batch, link, std::nullopt, nullptr, context.doomed(), std::nullopt);
    batch.accept(ENODEV);
  }
  kernel::delete_group(batch, context.doomed());
  context.route().send_or_throw(batch);
}

}  // namespace trestle::engine
