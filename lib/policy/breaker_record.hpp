// SPDX-License-Identifier: Apache-2.0
//
// BreakerRecord: what a breaker has come to, as those know it who count for themselves and share its
// openings alone (gate/remote_breaker.hpp); and which of two that do not know of each other is kept.
//
//   if (news.knows_of_it || takes(kept, news)) kept = news.is;
//
// Who knows what is kept goes on from there, whatever it has come to. Of the others:
//   * An order is kept always.
//   * Who has opened a closed one does so for all, unless it is open already: then the first is kept,
//     with its time.
//   * Who tries a half-open one does so for all until its probes' time is over.
//   * What probes have come to is kept as long as somebody tries; then the first of them has decided.
//
// Pure. Thread-safety: a value.
#pragma once

#include <cstdint>

#include "policy/breaker.hpp"
#include "tidegate/deadline.hpp"

namespace tidegate::policy {

struct BreakerRecord {
  Breaker::State state = Breaker::State::kClosed;
  Breaker::Mode mode = Breaker::Mode::kAutomatic;
  std::uint32_t openings = 0;  // since it was last closed
  Duration left{};             // that it is open, or that its probes have; zero: over
  std::uint64_t why = 0;       // an OpeningWord, without its generation

  bool operator==(const BreakerRecord&) const = default;
};

struct BreakerNews {
  BreakerRecord is;
  bool was_closed = false;  // when it last agreed with the others
  bool is_order = false;
};

// Whether `kept`, of which the news do not know, gives way.
inline bool takes(const BreakerRecord& kept, const BreakerNews& news) noexcept {
  using State = Breaker::State;
  if (news.is_order) return true;
  if (kept.mode != Breaker::Mode::kAutomatic) return false;
  const bool is_over = kept.left <= Duration::zero();
  switch (news.is.state) {
    case State::kClosed: return kept.state == State::kHalfOpen;
    case State::kOpen:
      return news.was_closed ? kept.state == State::kClosed || is_over
                             : kept.state == State::kHalfOpen;
    case State::kHalfOpen: return kept.state != State::kClosed && is_over;
  }
  return false;
}

}  // namespace tidegate::policy
