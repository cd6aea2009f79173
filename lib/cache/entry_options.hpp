// SPDX-License-Identifier: Apache-2.0
//
// EntryOptions: how long one value lives. Durations; ttl and stale_for are relative to the moment at
// which the value is stored.
#pragma once

#include "tidegate/deadline.hpp"

namespace tidegate::internal {

struct EntryOptions {
  Duration ttl = std::chrono::seconds(60);     // fresh for
  Duration stale_for = std::chrono::hours(1);  // and then good enough where there is no better
  Duration negative_ttl = std::chrono::seconds(5);
  double jitter = 0.1;   // ttl is drawn from ttl * [1 - jitter, 1 + jitter]
  bool sliding = false;  // a hit makes it fresh for `ttl` again, and puts off its end
};

}  // namespace tidegate::internal
