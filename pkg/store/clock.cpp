#include "store/clock.h"

#include <fcntl.h>

#include <ctime>
#include <string>

#include "base/fd.h"
#include "base/text.h"

namespace trestle::store {
namespace {

std::uint64_t real_clock() {
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000U + static_cast<std::uint64_t>(now.tv_nsec);
}

std::uint64_t (*g_clock)() = real_clock;
std::uint64_t g_start = real_clock();

std::uint64_t start_ticks() {
  const base::Fd file = base::try_open("/proc/self/stat", O_RDONLY);
  if (!file.valid()) return 0;
  const auto text = base::read_all(file.get(), 4096);
  if (!text) return 0;
  // The second field is the program's name in brackets and may hold anything.
  const auto bracket = text->rfind(')');
  if (bracket == std::string::npos || bracket + 2 > text->size()) return 0;
  const auto fields = base::split(std::string_view(*text).substr(bracket + 2), ' ');
  constexpr std::size_t kStartTime = 22 - 3;
  return fields.size() > kStartTime ? base::parse_number(fields[kStartTime], UINT64_MAX).value_or(0) : 0;
}

}  // namespace

std::uint64_t boottime() { return g_clock(); }
void set_clock_for_tests(std::uint64_t (*clock)()) { g_clock = clock != nullptr ? clock : real_clock; }

bool began_before(const ProcessStart& first, const ProcessStart& second) {
  if (first.ns < second.ns) return true;
  return first.ticks != 0 && second.ticks != 0 && first.ticks < second.ticks;
}

void note_process_start() { g_start = real_clock(); }
std::uint64_t process_start_ns() { return g_start; }
ProcessStart process_start() { return {g_start, start_ticks()}; }

}  // namespace trestle::store
