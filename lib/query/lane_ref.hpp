// SPDX-License-Identifier: Apache-2.0
//
// LaneRef and ExecutorHome: what survives a fork. A Database, Callables or External handle holds a
// LaneRef, which holds the ExecutorHome; both only describe. The scheduler and the lane behind them
// are made in each process at the first call there.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/per_process.hpp"
#include "query/scheduler.hpp"
#include "tidegate/query.hpp"

namespace tidegate::internal {

struct LaneRef;

class ExecutorHome : public std::enable_shared_from_this<ExecutorHome> {
 public:
  explicit ExecutorHome(const ExecutorOptions& options) : options_(options.values()) {}
  ~ExecutorHome() { close(); }

  std::shared_ptr<Scheduler> scheduler();
  // What a lane of this executor is.
  LaneSpec lane(std::string name, std::size_t concurrency, std::optional<Gate> gate) const;
  // The lane of callables that make fallbacks.
  std::shared_ptr<LaneRef> fallback_lane();
  void close();
  const ExecutorOptions::Values& options() const noexcept { return options_; }

 private:
  const ExecutorOptions::Values options_;
  std::atomic<bool> closed_{false};
  PerProcess<Scheduler> scheduler_;
};

struct LaneRef {
  LaneRef(std::shared_ptr<ExecutorHome> of, LaneSpec what)
      : LaneRef(std::move(of), std::move(what), next_id()) {}
  LaneRef(std::shared_ptr<ExecutorHome> of, LaneSpec what, std::uint64_t as)
      : home(std::move(of)), spec(std::move(what)), id(as) {}

  // The lane in this process.
  struct Bound {
    std::shared_ptr<Scheduler> scheduler;
    Lane& lane;
  };
  const Bound& bind();

  const std::shared_ptr<ExecutorHome> home;
  const LaneSpec spec;
  const std::uint64_t id;  // names the lane to the scheduler

 private:
  static std::uint64_t next_id() noexcept;
  PerProcess<Bound> bound_;
};

}  // namespace tidegate::internal
