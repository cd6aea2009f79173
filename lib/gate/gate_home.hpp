// SPDX-License-Identifier: Apache-2.0
//
// GateHome: what a Gate's copies share: the options, and the core of each process that uses them.
#pragma once

#include <memory>
#include <optional>
#include <utility>

#include "base/per_process.hpp"
#include "gate/gate_core.hpp"
#include "gate/limiter_share.hpp"
#include "tidegate/gate.hpp"

namespace tidegate::internal {

class GateHome {
 public:
  explicit GateHome(GateOptions::Values options) : GateHome(std::move(options), Status()) {}
  // Where `unfit` is not OK, that is why it cannot work.
  GateHome(GateOptions::Values options, Status unfit);

  // Why it cannot work, or OK.
  const Status& status() const noexcept { return status_; }
  const GateOptions::Values& options() const noexcept { return options_; }
  const std::shared_ptr<GateCore>& here() {
    return cores_.get([this] { return make(); });
  }

 private:
  Status share();
  std::shared_ptr<GateCore> make() const;

  const GateOptions::Values options_;
  Status status_;
  // Of the host, for as long as the process lives; a child of a fork has its parent's mapping.
  std::optional<SharedLimiter> limits_;
  BreakerWords* breaker_ = nullptr;
  PerProcess<GateCore> cores_;
};

}  // namespace tidegate::internal
