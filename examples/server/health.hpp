// SPDX-License-Identifier: Apache-2.0
//
// Health: what a probe and an operator want to know. Nothing of it is a constant: the database is
// asked anew each time.
#pragma once

#include <atomic>

#include "listings.hpp"
#include "reply.hpp"
#include "tidegate/deadline.hpp"
#include "traffic.hpp"

namespace server {

class Health {
 public:
  Health(Listings& listings, const Traffic& traffic) : listings_(listings), traffic_(traffic) {}

  // /health: everything, always 200.
  Reply all();
  // /health/live: 200 as long as the process turns.
  Reply live() const;
  // /health/ready: 200 if a page could be answered from the database, else 503.
  Reply ready();

  // Not ready from here on: the server is about to end.
  void leave() noexcept { leaving_ = true; }

 private:
  Listings& listings_;
  const Traffic& traffic_;
  const tidegate::TimePoint started_ = tidegate::Deadline::now();
  std::atomic<bool> leaving_{false};
};

}  // namespace server
