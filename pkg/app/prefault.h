#pragma once

namespace trestle::app {

// Maps what a call is going to touch, at once: some heap, some stack. A call is a process of a few milliseconds; on a virtual machine where a
// page fault cost as much as twenty pages populated by madvise(), that was a fifth of an ADD, where faults are cheap it costs nothing. Not the
// program's text, 3 MiB of which an ADD runs a tenth: the kernel maps 16 pages with each fault there anyway.
// A kernel that does not know MADV_POPULATE_WRITE (before 5.14), or a short stack, leaves it to the faults.
void prefault() noexcept;

}  // namespace trestle::app
