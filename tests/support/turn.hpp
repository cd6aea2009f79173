// SPDX-License-Identifier: Apache-2.0
//
// What came of a start that was asked for: how long it waited, or why it has none.
#pragma once

#include <doctest/doctest.h>

#include <optional>

#include "tidegate/operation.hpp"

namespace tidegate::test {

// Nothing while it waits, and where it has failed.
inline std::optional<Duration> waited(const Operation<Duration>& turn) {
  if (!turn.done()) return std::nullopt;
  const auto result = turn.wait();
  return result.ok() ? std::optional(*result) : std::nullopt;
}

// REQUIRES that it has its turn.
inline Duration waited_for(const Operation<Duration>& turn) {
  REQUIRE(turn.done());
  const auto result = turn.wait();
  INFO(result.status().to_string());
  REQUIRE(result.ok());
  return *result;
}

inline Status failure(const Operation<Duration>& turn) {
  REQUIRE(turn.done());
  return turn.wait().status();
}

}  // namespace tidegate::test
