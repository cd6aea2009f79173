// SPDX-License-Identifier: Apache-2.0
//
// LimiterHome: what a Limiter's copies share: the options, the words where a host shares them, and
// the core of each process that uses them. A child of a fork has its parent's mapping.
#pragma once

#include <memory>
#include <optional>

#include "base/per_process.hpp"
#include "gate/limiter_core.hpp"
#include "gate/limiter_share.hpp"
#include "tidegate/limiter.hpp"

namespace tidegate::internal {

// Why there can be no such limiter, or OK; of a gate, which may have no limits.
Status check_limits(const LimiterOptions::Values& options);
Status check_gate_limits(const LimiterOptions::Values& options);

// REQUIRES: they are good. None: a rate that nobody reaches, so that a penalty has a word all the
// same. `seed`: of a pace.
policy::Limiter limiter_of(const LimiterOptions::Values& options, TimePoint epoch,
                           std::uint64_t seed);
// With the epoch and the seed of those who share them, or its own.
policy::Limiter limiter_of(const LimiterOptions::Values& options,
                           const std::optional<SharedLimiter>& shared);

class LimiterHome {
 public:
  explicit LimiterHome(const LimiterOptions& options);

  // Why it cannot work, or OK.
  const Status& status() const noexcept { return status_; }
  const std::shared_ptr<LimiterCore>& here() {
    return cores_.get([this] { return make(); });
  }

 private:
  std::shared_ptr<LimiterCore> make() const;

  const LimiterOptions::Values options_;
  Status status_;
  std::optional<SharedLimiter> shared_;
  PerProcess<LimiterCore> cores_;
};

}  // namespace tidegate::internal
