// SPDX-License-Identifier: Apache-2.0
#include "tidegate/breaker.hpp"

#include <utility>

#include "base/per_process.hpp"
#include "base/seed.hpp"
#include "gate/breaker_core.hpp"
#include "gate/breaker_share.hpp"
#include "gate/gate_lint.hpp"
#include "gate/remote_home.hpp"
#include "net/runtime.hpp"

namespace tidegate {

namespace internal {

class BreakerHome {
 public:
  explicit BreakerHome(BreakerOptions::Values options) : options_(std::move(options)) {
    tell_of(options_);
    status_ = check_redis(options_);
    if (options_.share != Share::kHost) return;
    const Result<BreakerWords*> shared = share_breaker(options_);
    if (shared.ok()) {
      shared_ = *shared;
    } else {
      status_ = shared.status();
    }
  }

  const std::shared_ptr<BreakerCore>& here() {
    return core_.get([this] { return make(); });
  }
  const BreakerOptions::Values& options() const noexcept { return options_; }
  const Status& status() const noexcept { return status_; }

 private:
  std::shared_ptr<BreakerCore> make() const {
    auto core = std::make_shared<BreakerCore>(options_, coarse_clock(), fresh_seed(), shared_);
    auto openings = status_.ok() ? remote_openings(options_) : nullptr;
    if (openings) core->share(Runtime::current().shard(), std::move(openings), core, fresh_seed());
    return core;
  }

  const BreakerOptions::Values options_;
  BreakerWords* shared_ = nullptr;  // the host's; a child of a fork has its parent's mapping
  Status status_;
  PerProcess<BreakerCore> core_;
};

}  // namespace internal

std::string_view breaker_state_name(BreakerState state) noexcept {
  switch (state) {
    case BreakerState::kClosed: return "closed";
    case BreakerState::kOpen: return "open";
    case BreakerState::kHalfOpen: return "half_open";
  }
  return "unknown";
}

BreakerPermit& BreakerPermit::operator=(BreakerPermit&& other) noexcept {
  if (this == &other) return *this;
  cancel();
  core_ = std::move(other.core_);
  word_ = other.word_;
  lease_ = other.lease_;
  entered_ = other.entered_;
  retry_after_ = other.retry_after_;
  may_take_ = other.may_take_;
  took_ = other.took_;
  return *this;
}

void BreakerPermit::failure(Cause cause) noexcept {
  if (const auto core = std::exchange(core_, nullptr)) core->leave(*this, cause);
}

void BreakerPermit::http_status(int status) noexcept {
  if (const auto core = std::exchange(core_, nullptr)) core->leave_with_http_status(*this, status);
}

Breaker::Breaker(const BreakerOptions& options)
    : home_(std::make_shared<internal::BreakerHome>(options.values())) {}
Breaker::Breaker(std::string name) : Breaker(BreakerOptions().name(std::move(name))) {}

Status Breaker::status() const { return home_->status(); }

BreakerPermit Breaker::try_enter() {
  if (!home_->status().ok()) [[unlikely]]
    return internal::BreakerCore::refused(options().open_for);
  return internal::BreakerCore::enter(home_->here());
}

Result<BreakerPermit> Breaker::enter() {
  BreakerPermit permit = try_enter();
  if (permit) return permit;
  if (const Status& status = home_->status(); !status.ok()) return status;
  return refusal(permit.retry_after());
}

Status Breaker::refusal(Duration retry_after) const {
  return Status(Cause::kCircuitOpen, "breaker '" + options().name + "' is open for another " +
                                         format_duration(retry_after));
}

void Breaker::force(BreakerMode mode) {
  home_->here()->force(static_cast<policy::Breaker::Mode>(mode));
}

BreakerState Breaker::state() const { return stats().state; }
BreakerStats Breaker::stats() const { return home_->here()->stats(); }
const BreakerOptions::Values& Breaker::options() const noexcept { return home_->options(); }

}  // namespace tidegate
