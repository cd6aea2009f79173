// SPDX-License-Identifier: Apache-2.0
//
// How an answer came about, as a tidegate_answer.
#pragma once

#include "objects.hpp"
#include "options.hpp"
#include "tidegate/answer.hpp"

namespace tidegate::c {

inline std::int64_t monotonic_ns(TimePoint when) noexcept {
  return when.time_since_epoch().count();
}

template <class T>
Status write_answer(const Answer<T>& from, tidegate_answer* answer) {
  tidegate_answer values = TIDEGATE_ANSWER_INIT;
  values.source = static_cast<tidegate_source>(from.source);
  values.degraded = from.degraded() ? 1 : 0;
  values.age_ms = to_ms(from.age);
  values.submitted_ns = monotonic_ns(from.timings.submitted);
  values.queued_ns = from.timings.queued.count();
  values.ran_ns = from.timings.ran.count();
  values.settled_ns = monotonic_ns(from.timings.settled_at);
  values.version = from.version;
  return write_struct(values, answer);
}

}  // namespace tidegate::c
