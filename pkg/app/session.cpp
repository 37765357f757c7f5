#include "app/session.h"

#include <ctime>

#include "net/names.h"

namespace trestle::app {

Session::Session(const config::Settings& settings, Log& log, std::chrono::milliseconds budget, Access access)
    : settings_(settings),
      log_(log),
      deadline_(store::Deadline::in(budget)),
      context_(net::doomed_group(settings.state_dir), net::switch_group(settings.state_dir)) {
  identity_ = {kernel::boot_id(), context_.host_cookie()};
  store_ = store::open_store(settings.state_dir, identity_, access == Access::read);
  if (store_) store_->set_deadline(deadline_);
}

void Session::renew(std::chrono::milliseconds budget) {
  deadline_ = store::Deadline::in(budget);
  if (store_) store_->set_deadline(deadline_);
}

std::uint64_t boottime() {
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1000000000U + static_cast<std::uint64_t>(now.tv_nsec);
}

}  // namespace trestle::app
