// SPDX-License-Identifier: Apache-2.0
//
// The home page's recommendations: four queries at once under one deadline, their cars dealt out
// in turn. Whatever fails, there is an answer, and it says how it came about.
#pragma once

#include "listings.hpp"
#include "reply.hpp"
#include "tidegate/deadline.hpp"
#include "wanted.hpp"

namespace server {

class Recommendations {
 public:
  Recommendations(const tidegate::Config& config, const Listings& listings);

  // Blocks until the page is there: executor.page_timeout after `arrived` at the latest.
  Reply answer(const Wanted& wanted, tidegate::TimePoint arrived) const;

 private:
  const Listings& listings_;
  const tidegate::Duration page_timeout_;
  const tidegate::Duration query_timeout_;
};

}  // namespace server
