// SPDX-License-Identifier: Apache-2.0
//
// Health: what a probe and an operator want to know. Nothing of it is a constant: the database is
// asked anew each time.
#pragma once

#include <atomic>
#include <string>

#include "listings.hpp"
#include "prewarm.hpp"
#include "reply.hpp"
#include "tidegate/deadline.hpp"
#include "traffic.hpp"

namespace server {

class Health {
 public:
  Health(const tidegate::Config& config, Listings& listings, const Prewarm& prewarm,
         const Traffic& traffic);

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
  const std::string redis_;  // its URL as it may be shown; empty: there is none
  const Traffic& traffic_;
  const tidegate::TimePoint started_ = tidegate::Deadline::now();
  std::atomic<bool> leaving_{false};
};

}  // namespace server
