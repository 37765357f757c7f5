#pragma once
// Time as the store counts it: CLOCK_BOOTTIME, which no one sets and which goes on in suspend. Wall-clock time decides nothing.
#include <cstdint>

namespace trestle::store {

// Nanoseconds since boot.
std::uint64_t boottime();
// For tests: another source of boottime(); nullptr brings the real one back.
void set_clock_for_tests(std::uint64_t (*clock)());

// When a process began. Two measures, because a process can be stopped between its exec and its first own look at the clock,
// and because the kernel's is only as fine as a clock tick.
struct ProcessStart {
  std::uint64_t ns = 0;     // boottime() when the program's statics were made, or note_process_start() was called
  std::uint64_t ticks = 0;  // field 22 of /proc/self/stat; 0: not known
};
// Did `first` begin before `second`, by either measure? Equal starts are no order.
bool began_before(const ProcessStart& first, const ProcessStart& second);
// Takes the time anew: for a process that was forked and did not exec. Otherwise the program's start-up does it.
void note_process_start();
// Without the ticks: those cost a look into /proc.
std::uint64_t process_start_ns();
ProcessStart process_start();

}  // namespace trestle::store
