// SPDX-License-Identifier: Apache-2.0
// How much of a repetition to run: all of it in `make check`, a taste of it in `make test`.
#pragma once

#include <cstdlib>

namespace tidegate::test {

inline int repeat(int quick, int deep) { return std::getenv("TIDEGATE_DEEP") ? deep : quick; }

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define TIDEGATE_TEST_SANITIZED 1
#endif
#if __has_feature(thread_sanitizer)
#define TIDEGATE_TEST_THREAD_SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define TIDEGATE_TEST_SANITIZED 1
#endif

// Where the child of a process with threads cannot be tried: clang 19's thread sanitizer calls
// epoll_pwait2() twice there, and the second call sleeps over what the first has fetched; gcc 12's
// address sanitizer leaves the locks of its allocator as another thread held them.
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define TIDEGATE_TEST_FORK_IS_BROKEN 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define TIDEGATE_TEST_FORK_IS_BROKEN 1
#endif
#if defined(TIDEGATE_TEST_FORK_IS_BROKEN)
inline constexpr bool kForkIsBroken = true;
#else
inline constexpr bool kForkIsBroken = false;
#endif

// Whether a test may fork beside a thread that allocates. gcc 12's address sanitizer installs no
// fork handler, so that a child can inherit its allocator's lock as another thread holds it, and
// waits for ever: not a fault of the library's. clang's does.
#if defined(__SANITIZE_ADDRESS__) && !defined(__clang__)
inline constexpr bool kForksUnderLoad = false;
#else
inline constexpr bool kForksUnderLoad = true;
#endif

// repeat() for tests that start a process each time, which takes a sanitizer fifty times as long.
inline int repeat_processes(int quick, int deep) {
#if defined(TIDEGATE_TEST_SANITIZED)
  deep /= 10;
#endif
  return repeat(quick, deep);
}

}  // namespace tidegate::test
