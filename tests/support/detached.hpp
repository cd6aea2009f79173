// SPDX-License-Identifier: Apache-2.0
// The least coroutine: it starts at once and nobody waits for it.
#pragma once

#include <coroutine>
#include <exception>

namespace tidegate::test {

struct Detached {
  struct promise_type {
    Detached get_return_object() noexcept { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() noexcept {}
    void unhandled_exception() { std::terminate(); }
  };
};

}  // namespace tidegate::test
