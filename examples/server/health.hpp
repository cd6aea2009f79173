// SPDX-License-Identifier: Apache-2.0
//
// Health: what a probe and an operator want to know. Nothing of it is a constant: the database is
// asked anew each time. Redis and customs are told of, and no more: without them there are pages all
// the same.
#pragma once

#include <atomic>

#include "cache_report.hpp"
#include "customs.hpp"
#include "listings.hpp"
#include "prewarm.hpp"
#include "reply.hpp"
#include "tidegate/deadline.hpp"
#include "traffic.hpp"

namespace server {

class Health {
 public:
  // `customs` may be null.
  Health(Listings& listings, const Prewarm& prewarm, const CacheReport& caches,
         const Traffic& traffic, Customs* customs);

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
  const Traffic& traffic_;
  Customs* const customs_;
  const tidegate::TimePoint started_ = tidegate::Deadline::now();
  std::atomic<bool> leaving_{false};
};

}  // namespace server
