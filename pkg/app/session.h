#pragma once
#include <memory>
#include <string>

#include "app/log.h"
#include "config/netconf.h"
#include "engine/context.h"
#include "store/store.h"

namespace trestle::app {

// What one call works with: settings, store, sockets, deadline.
class Session {
 public:
  enum class Access : std::uint8_t { write, read };

  // Opens the store (Access::read makes nothing: store() is then absent when there is none). Throws Error{store}.
  Session(const config::Settings& settings, Log& log, std::chrono::milliseconds budget, Access access);

  bool has_store() const { return store_ != nullptr; }
  store::Store& store() { return *store_; }
  engine::Context& context() { return context_; }
  const config::Settings& settings() const { return settings_; }
  const store::Deadline& deadline() const { return deadline_; }
  void renew(std::chrono::milliseconds budget);  // after another program had its own
  const store::Identity& identity() const { return identity_; }
  Log& log() { return log_; }

 private:
  config::Settings settings_;
  Log& log_;
  store::Deadline deadline_;
  engine::Context context_;
  store::Identity identity_;
  std::unique_ptr<store::Store> store_;
};

inline constexpr std::chrono::milliseconds kAddBudget{15000};
inline constexpr std::chrono::milliseconds kDelBudget{20000};

// CLOCK_BOOTTIME in nanoseconds: no wall clock takes part in any decision (reliability.md 45).
std::uint64_t boottime();

}  // namespace trestle::app
