// SPDX-License-Identifier: Apache-2.0
//
// What a breaker and a gate, which may have one, are ordered to be.
#pragma once

#include "guard.hpp"
#include "tidegate/breaker.hpp"
#include "tidegate/c.h"

namespace tidegate::c {

template <class Ordered>
Status force(Ordered& ordered, tidegate_breaker_mode mode) {
  if (mode < TIDEGATE_BREAKER_AUTOMATIC || mode > TIDEGATE_BREAKER_DISABLED)
    return bad_argument("mode must be one of TIDEGATE_BREAKER_AUTOMATIC to _DISABLED");
  ordered.force(static_cast<BreakerMode>(mode));
  return {};
}

}  // namespace tidegate::c
