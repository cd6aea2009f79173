// SPDX-License-Identifier: Apache-2.0
//
// LimiterHome: what a Limiter's copies share: the options, and the core of each process that uses
// them.
#pragma once

#include <memory>

#include "base/per_process.hpp"
#include "gate/limiter_core.hpp"
#include "tidegate/limiter.hpp"

namespace tidegate::internal {

class LimiterHome {
 public:
  explicit LimiterHome(const LimiterOptions& options);

  // Why it cannot work, or OK.
  const Status& status() const noexcept { return status_; }
  const std::shared_ptr<LimiterCore>& here();

 private:
  std::shared_ptr<LimiterCore> make() const;

  const LimiterOptions::Values options_;
  const Status status_;
  PerProcess<LimiterCore> cores_;
};

}  // namespace tidegate::internal
