// SPDX-License-Identifier: Apache-2.0
//
// Scenario: a small backend on a SimLoop, with every way to wait that flows have: clients with a
// deadline each, which retry with jittered pauses, hedge what is slow, and share one gate.
//
//   SimLoop loop(seed);
//   Scenario scenario(loop, 6);
//   loop.drive();
//   CHECK(scenario.over());
//
// Mines: a flow steps on one wherever something may throw; the one with the number that was laid
// goes off.
#pragma once

#include <cstdint>
#include <deque>

#include "base/group.hpp"
#include "support/fifo_gate.hpp"
#include "support/flow.hpp"
#include "support/sim_loop.hpp"

namespace tidegate::test {

class Mines {
 public:
  // The mine of that number goes off; none for 0.
  explicit Mines(int number) noexcept : left_(number) {}
  void step();
  bool gone_off() const noexcept { return gone_off_; }

 private:
  int left_;
  bool gone_off_ = false;
};

class Scenario {
 public:
  static constexpr int kPermits = 3;

  Scenario(SimLoop& loop, int clients, int mine = 0);

  // All flows have ended, and what they held has come back.
  bool over() const noexcept;
  int answered() const noexcept { return answered_; }
  int failed() const noexcept { return failed_; }
  int hedged() const noexcept { return hedged_; }
  int refused() const noexcept { return refused_; }
  bool mine_gone_off() const noexcept { return mines_.gone_off(); }

  Flow& client(int number) { return clients_[static_cast<std::size_t>(number)]; }
  std::deque<Flow>& clients() noexcept { return clients_; }

 private:
  // What the two attempts of a race write to: it outlives their group.
  struct Race {
    Scenario* scenario;
    Status results[2];
  };

  internal::Task<void> client_flow(Duration patience);
  internal::Task<Status> with_retries();
  internal::Task<Status> hedge();
  static internal::Task<Status> race(internal::Group& group, Race* race);
  internal::Task<void> attempt(Status* result);
  internal::Task<Status> serve();

  SimLoop& loop_;
  Mines mines_;
  FifoGate gate_{kPermits};
  std::deque<Flow> clients_;
  int inside_ = 0;
  int answered_ = 0;
  int failed_ = 0;
  int hedged_ = 0;
  int refused_ = 0;
};

}  // namespace tidegate::test
