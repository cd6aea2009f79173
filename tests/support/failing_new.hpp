// SPDX-License-Identifier: Apache-2.0
//
// An operator new that fails when it is told to, on the thread that tells it; for one file of a
// program, which it replaces for the whole of it. The thread sanitizer has one of its own, which
// cannot be replaced: TIDEGATE_TEST_SKIPPED is defined there, and nothing else.
//
//   before_failure = 3;                  // three allocations succeed, the fourth fails
//   … work …
//   before_failure = -1;                 // all succeed; `failed` says whether one did not
#pragma once

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define TIDEGATE_TEST_SKIPPED
#endif
#endif
#ifndef TIDEGATE_TEST_SKIPPED

#include <cstdlib>
#include <new>

namespace tidegate::test {

inline thread_local int before_failure = -1;
inline thread_local bool failed = false;

inline void* allocate_or_fail(std::size_t size) noexcept {
  if (before_failure < 0 || before_failure-- > 0) return std::malloc(size ? size : 1);
  failed = true;
  return nullptr;
}

}  // namespace tidegate::test

void* operator new(std::size_t size) {
  void* const memory = tidegate::test::allocate_or_fail(size);
  if (!memory) throw std::bad_alloc();
  return memory;
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return tidegate::test::allocate_or_fail(size);
}
// Where it is put into its caller, gcc 12 sees a free() of what came from new, and takes offence.
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

#endif
