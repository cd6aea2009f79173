// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <doctest/doctest.h>

#include <functional>
#include <utility>

#include "base/ports/loop.hpp"
#include "support/event.hpp"

namespace tidegate::test {

// Runs a function on the loop, and waits for it.
inline void on_loop(internal::Loop& loop, std::function<void()> work) {
  struct Call final : internal::Message {
    explicit Call(std::function<void()> w) : what(std::move(w)) {}
    void run() noexcept override {
      const Event mine = done;  // the call may be gone once it is set
      what();
      mine.set();
    }
    std::function<void()> what;
    Event done;
  } call(std::move(work));
  REQUIRE(loop.post(call));
  const Event done = call.done;
  REQUIRE(done.wait());
}

}  // namespace tidegate::test
