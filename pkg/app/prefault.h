#pragma once

namespace trestle::app {

// Maps what a call is going to touch, at once: the program's text, some heap, some stack. A call is a process of a few milliseconds, and it
// took a hundred page faults; in a virtual machine each cost as much as twenty pages populated by madvise(), together a third of an ADD.
// A kernel that does not know MADV_POPULATE_* (before 5.14), or a short stack, leaves it to the faults.
void prefault() noexcept;

}  // namespace trestle::app
