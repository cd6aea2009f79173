// SPDX-License-Identifier: Apache-2.0
//
// Stuck: a callable that stays inside until the test lets it go, whatever its deadline says. Copies
// share their events.
#pragma once

#include "support/event.hpp"

namespace tidegate::test {

struct Stuck {
  Event entered, release;
  int operator()() const {
    entered.set();
    release.wait();
    return 1;
  }
};

}  // namespace tidegate::test
