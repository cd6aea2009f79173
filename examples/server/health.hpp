// SPDX-License-Identifier: Apache-2.0
//
// Health: what a probe and an operator want to know. Nothing of it is a constant: the database is
// asked anew each time, and the figures are those of all workers. Redis and customs are told of, and no more: without them there are pages all
// the same.
#pragma once

#include <atomic>
#include <cstdint>

#include "cache_report.hpp"
#include "customs.hpp"
#include "listings.hpp"
#include "prewarm.hpp"
#include "reply.hpp"
#include "tidegate/deadline.hpp"

namespace server {

class Health {
 public:
  // `customs` may be null; `workers` is how many there should be.
  Health(Listings& listings, const Prewarm& prewarm, const CacheReport& caches, Customs* customs,
         std::int64_t workers);

  // /health: everything, always 200.
  Reply all();
  // /health/live: 200 as long as the process turns.
  Reply live() const;
  // /health/ready: 200 if a page could be answered from the database, and the common ones are
  // loaded or were waited for long enough, else 503.
  Reply ready();

  // Not ready from here on: the server is about to end.
  void leave() noexcept { leaving_ = true; }

 private:
  Listings& listings_;
  const Prewarm& prewarm_;
  const CacheReport& caches_;
  Customs* const customs_;
  const std::int64_t workers_;
  const tidegate::TimePoint started_ = tidegate::Deadline::now();
  std::atomic<bool> leaving_{false};
};

}  // namespace server
