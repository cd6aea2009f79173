// SPDX-License-Identifier: Apache-2.0
//
// Schedule: loads a key every now and then. Between two runs it is a timer on the loop and nothing
// else, so that a runtime with schedules is idle; a run is a flight like any other. It keeps its
// cache. Of a parent's schedules nothing runs in a forked child, and stop() does nothing there.
//
// Thread-safety: start() and stop(), any thread; once each.
#pragma once

#include <memory>
#include <string>

#include "base/fork.hpp"
#include "base/ports/loop.hpp"
#include "base/ports/rng.hpp"
#include "cache/core.hpp"

namespace tidegate::internal {

class Schedule final : public CacheRefresh::Job,
                       public std::enable_shared_from_this<Schedule>,
                       private Timer {
 public:
  Schedule(std::shared_ptr<CacheCore> core, std::string key, std::shared_ptr<CacheLoader> loader,
           const EntryOptions& entry, Duration period, std::uint64_t seed);

  // The first run is now. `schedule` is kept until it is stopped.
  static void start(const std::shared_ptr<Schedule>& schedule) noexcept;
  void stop() noexcept override;

 private:
  struct Order final : Message {
    explicit Order(Schedule& schedule) noexcept : owner(schedule) {}
    void run() noexcept override;
    Schedule& owner;
    std::shared_ptr<Schedule> keep;
  };

  void fired() noexcept override;
  void load();

  const std::shared_ptr<CacheCore> core_;
  const std::string key_;
  const std::shared_ptr<CacheLoader> loader_;
  const EntryOptions entry_;
  const Duration period_;
  const std::uint64_t generation_ = fork_generation();
  Order begin_{*this};
  Order end_{*this};

  // The loop's.
  Rng rng_;
  std::shared_ptr<Schedule> keep_;  // while its timer is armed
};

}  // namespace tidegate::internal
