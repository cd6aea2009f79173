// SPDX-License-Identifier: Apache-2.0
//
// How work is started: what every verb that gives out a tidegate_op has in common.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>

#include "guard.hpp"
#include "objects.hpp"

namespace tidegate::c {

inline constexpr std::int64_t kMostTimeoutMs = 86'400'000;

// Gives out the handle of an operation that follows what `begin()` starts, in the page if there is
// one. All else that may fail comes before the start.
template <class Begin>
void start_op(OpRef op, PageObject* page, Begin begin, tidegate_op** out) {
  auto member = page ? std::make_unique<PageObject::Call>() : nullptr;
  std::unique_ptr<tidegate_op, void (*)(tidegate_op*)> shared(
      op->share(), [](tidegate_op* handle) { release(handle); });
  op->follow(begin());
  if (page) {
    member->op = std::move(op);
    page->push(std::move(member));
  }
  *out = shared.release();
}

}  // namespace tidegate::c
