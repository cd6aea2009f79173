// SPDX-License-Identifier: Apache-2.0
//
// Answer<T>: a value, and how it came about. Whatever fails, the caller sees which kind of answer
// it holds:
//
//   fresh    just computed                        cached   from a cache, within its time to live
//   stale    from a cache, past it                default  the fallback; `reason` says why
//
// A stale or default answer is `degraded`: good enough to show, not good enough to store.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>

#include "tidegate/deadline.hpp"
#include "tidegate/status.hpp"

namespace tidegate {

enum class Source { kFresh, kCached, kStale, kDefault };

// "fresh", "cached", "stale", "default".
std::string_view source_name(Source source) noexcept;

// Where the time of one operation went, on the monotonic clock.
struct Timings {
  TimePoint submitted{};
  Duration queued{};       // from submission until it ran, or until its end if it never ran
  Duration ran{};          // from then until its end; zero if it never ran
  TimePoint settled_at{};  // when its end was decided, whenever the caller came to see it

  Duration elapsed() const noexcept { return queued + ran; }
};

template <class T>
class Answer {
 public:
  Answer(T what, Source from, Timings spent, Status why = {})
      : value(std::move(what)), source(from), timings(spent), reason(std::move(why)) {}

  T value;
  Source source;
  Timings timings;
  Duration age{};             // how old the value is; zero when fresh
  std::uint64_t version = 0;  // which value of its key a cache gave; zero where it came from none
  Status reason;              // why it is degraded; OK otherwise

  bool degraded() const noexcept { return source == Source::kStale || source == Source::kDefault; }
};

}  // namespace tidegate
