// SPDX-License-Identifier: Apache-2.0
//
// Listings: the cars for sale, asked in four ways. Each way is one query of tidegate's; who asks
// sets its deadline and its fallback, and starts it.
#pragma once

#include <array>
#include <mutex>
#include <string>
#include <string_view>

#include "alerts_wanted.hpp"
#include "tidegate/config.hpp"
#include "tidegate/query.hpp"
#include "wanted.hpp"

namespace server {

// One part of the home page.
struct Part {
  std::string_view name;    // in the answer's meta
  std::string_view reason;  // what is said of its cars
  std::string_view sql;     // :makes, a JSON array of the wanted makes; :most, a number of rows
};

class Listings {
 public:
  // Opens nothing: the first query does.
  Listings(const tidegate::Config& config, const std::string& path);

  static const std::array<Part, 4>& parts() noexcept;

  tidegate::Query query(const Part& part, const Wanted& wanted) const;

  // A page of price alerts and the first of the next page, furthest below the median first.
  tidegate::Query alerts(const AlertsWanted& wanted) const;

  // Whether a page could be answered now: asks what a page asks, for one row. Many at once share
  // one query. Blocks, for server.probe_timeout at most.
  tidegate::Result<tidegate::Answer<tidegate::Rows>> probe();

  tidegate::LaneStats load() const { return database_.stats(); }

 private:
  tidegate::Executor executor_;
  tidegate::Database database_;
  const tidegate::Duration probe_timeout_;

  std::mutex mutex_;
  tidegate::Operation<tidegate::Answer<tidegate::Rows>> probe_;  // the last one; guarded by mutex_
};

}  // namespace server
