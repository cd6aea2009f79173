// SPDX-License-Identifier: Apache-2.0
//
// The price alerts: listings far below the median price of their model and year, page by page, each
// page one query and kept for a while. There is no default for them: where the database cannot be
// asked and no page is kept, the answer is 503.
#pragma once

#include "alerts_wanted.hpp"
#include "listings.hpp"
#include "page_cache.hpp"
#include "reply.hpp"
#include "tidegate/deadline.hpp"

namespace server {

class PriceAlerts {
 public:
  // REQUIRES: `listings` lives until tidegate::shutdown() is over.
  PriceAlerts(const tidegate::Config& config, const Listings& listings);

  // The page, without waiting for it.
  PageCache::Asked ask(const AlertsWanted& wanted, tidegate::Deadline deadline) const;

  // Blocks until the page is there: executor.page_timeout after `arrived` at the latest.
  Reply answer(const AlertsWanted& wanted, tidegate::TimePoint arrived) const;

  const PageCache& cache() const noexcept { return cache_; }

 private:
  tidegate::Result<KeptPage> load(const AlertsWanted& wanted, tidegate::Deadline deadline) const;

  const Listings& listings_;
  const PageCache cache_;
  const tidegate::Duration page_timeout_;
  const tidegate::Duration query_timeout_;
};

}  // namespace server
