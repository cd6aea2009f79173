// SPDX-License-Identifier: Apache-2.0
//
// SimLoop: the loop of production without its thread, its descriptors and its clock. Time stands
// still while a flow is ready and then jumps to the next timer, so that nothing is ever late and a
// day takes no time. The flows of a turn are resumed in an order drawn from the seed; the same seed
// gives the same run, and the same trace hash in every build.
//
//   SimLoop loop(seed);
//   … start flows …
//   loop.drive();                       // until nothing is ready and no timer is armed
//   CHECK(loop.roots() == 0);           // else they wait for something that never comes
#pragma once

#include <cstdint>
#include <functional>
#include <utility>

#include "base/ports/loop.hpp"
#include "base/ports/rng.hpp"

namespace tidegate::test {

class SimLoop final : public internal::Loop {
 public:
  static constexpr TimePoint kStart{std::chrono::hours(1)};

  // Seed 0: in the order in which they became ready, as a shard does.
  explicit SimLoop(std::uint64_t seed = 0) : Loop(kStart, 0), seeded_(seed != 0), rng_(seed) {}
  ~SimLoop() override = default;

  // Runs until nothing more can happen, or the time has come.
  void drive(Deadline until = Deadline::never());

  // One turn; then time goes on by `step`.
  void single_turn(Duration step) {
    turn();
    tell_time(now() + step);
    fire_timers();
  }

  // As where a process can start no thread.
  bool refuses_posts = false;

  // Of this simulation's thread only; a message is run in the next turn.
  bool post(internal::Message& message) noexcept override {
    if (refuses_posts) return false;
    messages_.push_back(message);
    return true;
  }

  // Calls `watch` before every resume with its number, from 1; to cancel at a certain one.
  void before_resume(std::function<void(std::uint64_t)> watch) { watch_ = std::move(watch); }

  internal::Rng& rng() noexcept { return rng_; }
  Duration elapsed() const noexcept { return now() - kStart; }
  std::uint64_t resumes() const noexcept { return resumes_; }

  // Takes in what was resumed, when, and with which outcome.
  std::uint64_t trace_hash() const noexcept { return trace_; }
  void trace(std::uint64_t word) noexcept;

 private:
  internal::Ready& pick(internal::IntrusiveList<internal::Ready>& turn) noexcept override;
  bool turn();

  const bool seeded_;
  internal::Rng rng_;
  std::function<void(std::uint64_t)> watch_;
  internal::IntrusiveList<internal::Message> messages_;
  std::uint64_t resumes_ = 0;
  std::uint64_t trace_ = 0xcbf29ce484222325u;
};

}  // namespace tidegate::test
