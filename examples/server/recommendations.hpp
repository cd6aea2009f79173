// SPDX-License-Identifier: Apache-2.0
//
// The home page's recommendations: four queries at once under one deadline, their cars dealt out
// in turn, and the page kept for a while. Whatever fails, there is an answer, and it says how it
// came about.
#pragma once

#include "listings.hpp"
#include "page_cache.hpp"
#include "reply.hpp"
#include "tidegate/deadline.hpp"
#include "wanted.hpp"

namespace server {

class Recommendations {
 public:
  // REQUIRES: `listings` lives until tidegate::shutdown() is over.
  Recommendations(const tidegate::Config& config, const Listings& listings);

  // The page, without waiting for it.
  PageCache::Asked ask(const Wanted& wanted, tidegate::Deadline deadline) const;

  // Blocks until the page is there: executor.page_timeout after `arrived` at the latest.
  Reply answer(const Wanted& wanted, tidegate::TimePoint arrived) const;

  const PageCache& cache() const noexcept { return cache_; }

 private:
  tidegate::Result<KeptPage> load(const Wanted& wanted, tidegate::Deadline deadline) const;

  const Listings& listings_;
  const PageCache cache_;
  const tidegate::Duration page_timeout_;
  const tidegate::Duration query_timeout_;
};

}  // namespace server
