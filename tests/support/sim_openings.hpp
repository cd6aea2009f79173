// SPDX-License-Identifier: Apache-2.0
//
// SimOpenings: what one breaker has come to, in a store in virtual time, and SimOpeningsClient: one
// process's way to it (gate/remote_openings.hpp).
//
//   SimOpenings store(loop);
//   auto openings = std::make_shared<SimOpeningsClient>(store);     // one for each process
//   store.latency = {1ms, 5ms};  …  store.is_down = true;
//
// A question takes a time drawn from `latency` to get there and another one to come back. One that is
// lost was carried out, though its answer never comes.
#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/sleep.hpp"
#include "gate/remote_openings.hpp"
#include "support/sim_loop.hpp"

namespace tidegate::test {

class SimOpenings {
 public:
  static constexpr Duration kPatience = std::chrono::milliseconds(50);

  explicit SimOpenings(SimLoop& on) : loop(on) {}

  std::pair<Duration, Duration> latency{};
  bool is_down = false;
  unsigned lost = 0;  // so many answers of a hundred never come
  int questions = 0;
  int changes = 0;

  SimLoop& loop;
  std::string id;
  policy::BreakerRecord kept;
  TimePoint until{};

  Duration draw() { return loop.rng().between(latency.first, latency.second); }
  policy::BreakerRecord now() const {
    policy::BreakerRecord record = kept;
    record.left = std::max(Duration::zero(), until - loop.now());
    return record;
  }
  void forget() {
    id.clear();
    kept = {};
    until = {};
  }
};

class SimOpeningsClient final : public internal::RemoteOpenings {
 public:
  explicit SimOpeningsClient(SimOpenings& store) noexcept : store_(store) {}

  internal::Task<Result<Answer>> exchange(std::string known, std::optional<News> news) override {
    ++store_.questions;
    if (store_.is_down) co_return down();
    const TimePoint there = store_.loop.now() + store_.draw();
    Cause woken = co_await internal::sleep_until(there);
    if (woken != Cause::kNone) co_return Status(woken, "given up");
    if (store_.is_down) co_return down();
    const bool takes = news && (store_.id.empty() || store_.id == known ||
                                policy::takes(store_.now(), news->what));
    if (takes) {
      ++store_.changes;
      store_.id = news->id;
      store_.kept = news->what.is;
      store_.until = store_.loop.now() + news->what.is.left;
    }
    const Answer answer{.id = store_.id, .is = store_.now()};
    const bool is_lost = store_.loop.rng().chance(store_.lost);
    const TimePoint back = store_.loop.now() + (is_lost ? SimOpenings::kPatience : store_.draw());
    woken = co_await internal::sleep_until(back);
    if (woken != Cause::kNone) co_return Status(woken, "given up");
    if (is_lost) co_return Status(Cause::kDeadline, "no answer within 50 ms");
    if (store_.is_down) co_return down();
    co_return answer;
  }

 private:
  static Status down() { return Status(Cause::kEngineUnavailable, "Redis is down"); }

  SimOpenings& store_;
};

}  // namespace tidegate::test
