// SPDX-License-Identifier: Apache-2.0
//
// KeyedHome: what a KeyedLimiter's copies share: the options, and the core of each process that uses
// them.
#pragma once

#include <memory>

#include "base/per_process.hpp"
#include "gate/keyed_core.hpp"
#include "tidegate/keyed_limiter.hpp"

namespace tidegate::internal {

class KeyedHome {
 public:
  explicit KeyedHome(KeyedLimiterOptions::Values options);

  // Why it cannot work, or OK.
  const Status& status() const noexcept { return status_; }
  // Where the options are no good it is there all the same, to refuse.
  const std::shared_ptr<KeyedCore>& here();

 private:
  const KeyedLimiterOptions::Values options_;
  const Status status_;
  PerProcess<KeyedCore> cores_;
};

}  // namespace tidegate::internal
