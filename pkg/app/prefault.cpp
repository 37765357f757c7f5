#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>

#include "app/prefault.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23  // linux 5.14
#endif

namespace trestle::app {

namespace {

constexpr std::size_t kHeap = 64 * 1024;  // an ADD touches 72 KiB
constexpr std::size_t kStack = 24 * 1024;
constexpr std::size_t kPool = 48 * 1024;  // below malloc's own threshold for mmap()

void populate(std::uintptr_t from, std::uintptr_t to) noexcept {
  static const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  from &= ~(page - 1);
  to = (to + page - 1) & ~(page - 1);
  static_cast<void>(::madvise(reinterpret_cast<void*>(from), to - from, MADV_POPULATE_WRITE));
}

}  // namespace

void prefault() noexcept {
  const auto address = [](const void* p) { return reinterpret_cast<std::uintptr_t>(p); };
  static_cast<void>(::mallopt(M_TRIM_THRESHOLD, 64 * 1024 * 1024));
  static_cast<void>(::mallopt(M_TOP_PAD, static_cast<int>(kHeap)));
  if (void* const first = std::malloc(kPool)) {
    populate(address(first), address(first) + kHeap);
    std::free(first);
  }
  const auto top = address(__builtin_frame_address(0));
  populate(top - kStack, top);
}

}  // namespace trestle::app
