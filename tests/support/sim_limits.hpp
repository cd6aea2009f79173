// SPDX-License-Identifier: Apache-2.0
//
// SimLimits: the words of one limiter in a store in virtual time, and SimLimitsClient: one process's
// way to it (gate/remote_limits.hpp).
//
//   SimLimits store(loop, {Limit::rate(10, 1s)});
//   auto limits = std::make_shared<SimLimitsClient>(store);     // one for each process
//   store.latency = {1ms, 5ms};  …  store.is_down = true;
//
// A question takes a time drawn from `latency` to get there and another one to come back. One that is
// lost was decided, though its answer never comes.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "base/sleep.hpp"
#include "gate/remote_limits.hpp"
#include "support/sim_loop.hpp"

namespace tidegate::test {

class SimLimits {
 public:
  static constexpr Duration kPatience = std::chrono::milliseconds(50);

  SimLimits(SimLoop& on, const policy::Limiter& limits) : loop(on), limiter(limits) {}

  std::pair<Duration, Duration> latency{};
  bool is_down = false;
  unsigned lost = 0;  // so many answers of a hundred never come
  int questions = 0;
  int given_back = 0;

  SimLoop& loop;
  const policy::Limiter limiter;
  policy::Limiter::State words{};
  std::map<std::string, policy::Limiter::Booking> bookings;  // by the words after them
  TimePoint held_until = SimLoop::kStart;

  Duration draw() { return loop.rng().between(latency.first, latency.second); }
  Duration held() const { return std::max(Duration::zero(), held_until - loop.now()); }
  policy::Limiter::State effective() const {
    if (held_until == SimLoop::kStart) return words;
    return limiter.penalized(words, loop.now(), held_until);
  }
  void hold(Duration time) {
    if (time > Duration::zero()) held_until = std::max(held_until, loop.now() + time);
  }
};

class SimLimitsClient final : public internal::RemoteLimits {
 public:
  explicit SimLimitsClient(SimLimits& store) noexcept : store_(store) {}

  internal::Task<Result<Answer>> book(std::uint32_t weight, Duration most_wait,
                                      Duration hold) override {
    auto going = go_there();
    Status done = co_await std::move(going);
    if (!done.ok()) co_return done;
    store_.hold(hold);
    const TimePoint now = store_.loop.now();
    const auto booking = store_.limiter.reserve(store_.effective(), now, weight, most_wait);
    Answer answer{.granted = booking.granted(), .wait = booking.wait, .held = store_.held()};
    if (booking.granted()) {
      answer.ticket = {.after = text(booking.after), .before = text(store_.words)};
      store_.words = booking.after;
      store_.bookings[answer.ticket.after] = booking;
    }
    for (std::size_t i = 0; i < store_.limiter.size(); ++i) {
      const Duration since = store_.limiter.since_epoch(now);
      answer.due[i] = store_.limiter[i].wait(store_.effective()[i], since, 1);
    }
    auto coming = come_back();
    done = co_await std::move(coming);
    if (!done.ok()) co_return done;
    co_return answer;
  }

  internal::Task<Result<bool>> give_back(Ticket ticket) override {
    auto going = go_there();
    Status done = co_await std::move(going);
    if (!done.ok()) co_return done;
    const bool is_last = text(store_.words) == ticket.after;
    if (is_last) store_.words = words(ticket.before);
    if (is_last) ++store_.given_back;
    auto coming = come_back();
    done = co_await std::move(coming);
    if (!done.ok()) co_return done;
    co_return is_last;
  }

  internal::Task<Result<Duration>> held(Duration hold) override {
    auto going = go_there();
    Status done = co_await std::move(going);
    if (!done.ok()) co_return done;
    store_.hold(hold);
    const Duration left = store_.held();
    auto coming = come_back();
    done = co_await std::move(coming);
    if (!done.ok()) co_return done;
    co_return left;
  }

  internal::Task<Status> began_late(Ticket ticket, Duration by) override {
    auto going = go_there();
    const Status done = co_await std::move(going);
    if (!done.ok()) co_return done;
    const auto& booking = store_.bookings.at(ticket.after);
    for (std::size_t i = 0; i < store_.limiter.size(); ++i) {
      if (!store_.limiter[i].keeps_real_starts()) continue;
      store_.words[i] = store_.limiter.started(i, store_.words[i], booking, booking.start + by);
    }
    auto coming = come_back();
    const Status answered = co_await std::move(coming);
    co_return answered;
  }

 private:
  using State = policy::Limiter::State;

  static std::string text(const State& state) {
    std::string text;
    for (const auto word : state) text += std::to_string(word) + ' ';
    return text;
  }
  static State words(const std::string& text) {
    State state{};
    std::size_t at = 0;
    for (auto& word : state) {
      word = std::stoull(text.substr(at));
      at = text.find(' ', at) + 1;
    }
    return state;
  }

  internal::Task<Status> go_there() {
    ++store_.questions;
    if (store_.is_down) co_return down();
    const TimePoint there = store_.loop.now() + store_.draw();
    const Cause woken = co_await internal::sleep_until(there);
    if (woken != Cause::kNone) co_return Status(woken, "given up");
    if (store_.is_down) co_return down();
    co_return Status();
  }
  internal::Task<Status> come_back() {
    const bool is_lost = store_.loop.rng().chance(store_.lost);
    const TimePoint back = store_.loop.now() + (is_lost ? SimLimits::kPatience : store_.draw());
    const Cause woken = co_await internal::sleep_until(back);
    if (woken != Cause::kNone) co_return Status(woken, "given up");
    if (is_lost) co_return Status(Cause::kDeadline, "no answer within 50 ms");
    if (store_.is_down) co_return down();
    co_return Status();
  }
  static Status down() { return Status(Cause::kEngineUnavailable, "Redis is down"); }

  SimLimits& store_;
};

}  // namespace tidegate::test
