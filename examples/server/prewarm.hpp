// SPDX-License-Identifier: Apache-2.0
//
// Prewarm: the pages that most clients ask for (the home page of all makes and of each, the first
// page of price alerts) are loaded before the first of them asks, a few at a time, and again before
// their time is up. One thread asks the caches for them; the caches load.
//
// They are asked for, and not kept by TypedCache::refresh_every(): readiness and the log want to
// know what came of each.
//
// Progress is said on stderr from log.level "info" on, what fails from "warning" on.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "page_cache.hpp"
#include "price_alerts.hpp"
#include "recommendations.hpp"
#include "reply.hpp"
#include "tidegate/config.hpp"
#include "tidegate/deadline.hpp"

namespace server {

class Prewarm {
 public:
  // REQUIRES: `recommendations` and `alerts` outlive this.
  Prewarm(const tidegate::Config& config, const Recommendations& recommendations,
          const PriceAlerts& alerts);
  ~Prewarm();
  Prewarm(const Prewarm&) = delete;
  Prewarm& operator=(const Prewarm&) = delete;

  // Begins, unless server.prewarm is off.
  void start();

  // True once every page was tried, or server.prewarm_timeout after this was made, whichever is first.
  bool ready() const noexcept;

  // {"loaded": 3, "failed": 0, "pages": 11}, of the latest round.
  Json progress() const;

  // Asks for no more pages. What is asked for ends by its deadline or by tidegate::shutdown().
  void stop() noexcept;

 private:
  struct Common {
    const PageCache& cache;
    std::function<PageCache::Asked(tidegate::Deadline)> ask;
  };
  struct Round {
    std::size_t failed = 0;
    tidegate::Status why;        // of the last that failed
    tidegate::Duration pause{};  // until the next round
  };

  void run();
  Round ask_all();
  static tidegate::Duration pause_after(const Common& common, tidegate::Duration age);
  bool stopped_within(tidegate::Duration pause);

  const bool wanted_;
  const tidegate::Deadline patient_until_;
  const tidegate::Duration page_timeout_;
  std::vector<Common> common_;

  std::atomic<std::size_t> loaded_{0}, failed_{0};
  std::atomic<bool> tried_{false};
  std::mutex mutex_;
  std::condition_variable stopping_;
  bool stopped_ = false;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace server
