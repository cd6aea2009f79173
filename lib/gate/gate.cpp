// SPDX-License-Identifier: Apache-2.0
// The public face of a gate.
#include "tidegate/gate.hpp"

#include <algorithm>
#include <utility>

#include "gate/gate_acquire.hpp"
#include "gate/gate_home.hpp"

namespace tidegate {

GateOptions& GateOptions::name(std::string name) {
  values_.limits.name(name);
  values_.name = std::move(name);
  return *this;
}
GateOptions& GateOptions::rate(std::uint64_t permits, Duration per, std::uint32_t burst) {
  values_.limits.rate(permits, per, burst);
  return *this;
}
GateOptions& GateOptions::strict(std::uint64_t permits, Duration per, std::uint32_t burst) {
  values_.limits.strict(permits, per, burst);
  return *this;
}
GateOptions& GateOptions::pace(Duration interval, Duration jitter) {
  values_.limits.pace(interval, jitter);
  return *this;
}
GateOptions& GateOptions::pause_every(std::uint32_t starts, Duration least, Duration most) {
  values_.limits.pause_every(starts, least, most);
  return *this;
}
GateOptions& GateOptions::limits(const LimiterOptions& options) {
  values_.limits = options;
  values_.limits.name(values_.name);
  return *this;
}
GateOptions& GateOptions::share(Share with) {
  values_.limits.share(with);
  return *this;
}
GateOptions& GateOptions::state_dir(std::string path) {
  values_.limits.state_dir(std::move(path));
  return *this;
}
GateOptions& GateOptions::redis(std::string url) {
  values_.limits.redis(std::move(url));
  return *this;
}
GateOptions& GateOptions::redis_timeout(Duration timeout) {
  values_.limits.redis_timeout(timeout);
  return *this;
}
GateOptions& GateOptions::share_down(ShareDown what) {
  values_.limits.share_down(what);
  return *this;
}
GateOptions& GateOptions::share_workers(std::uint32_t processes) {
  values_.limits.share_workers(processes);
  return *this;
}
GateOptions& GateOptions::concurrency(std::size_t calls) {
  values_.concurrency = calls;
  return *this;
}
GateOptions& GateOptions::adaptive_concurrency(std::size_t least, std::size_t first,
                                               std::size_t most) {
  values_.adaptive = {.is_set = true, .least = least, .first = first, .most = most};
  return *this;
}
GateOptions& GateOptions::queue(std::size_t calls) {
  values_.queue = calls;
  return *this;
}
GateOptions& GateOptions::breaker(const BreakerOptions& options) {
  values_.breaker = options;
  return *this;
}
GateOptions& GateOptions::max_penalty(Duration time) {
  values_.max_penalty = std::clamp<Duration>(time, Duration::zero(), std::chrono::hours(1));
  return *this;
}
GateOptions& GateOptions::adaptive_rate(bool adapts) {
  values_.adaptive_rate = adapts;
  return *this;
}
GateOptions& GateOptions::rate_limit_fields(bool count) {
  values_.rate_limit_fields = count;
  return *this;
}

GatePermit& GatePermit::operator=(GatePermit&& other) noexcept {
  if (this == &other) return *this;
  cancel();
  *this = std::as_const(other);
  other.core_ = nullptr;
  return *this;
}

void GatePermit::failure(Cause cause) noexcept {
  if (auto* const core = std::exchange(core_, nullptr)) core->leave(*this, cause);
}

void GatePermit::http_status(int status, std::optional<Duration> retry_after) noexcept {
  if (auto* const core = std::exchange(core_, nullptr)) core->leave(*this, status, retry_after);
}

void GatePermit::answered(int status, const Headers& headers) noexcept {
  if (auto* const core = std::exchange(core_, nullptr)) core->leave(*this, status, headers);
}

Gate::Gate(const GateOptions& options)
    : home_(std::make_shared<internal::GateHome>(options.values())) {}

Status Gate::status() const { return home_->status(); }

GatePermit Gate::try_enter() const {
  if (!home_->status().ok()) return {Cause::kConfig, Duration::max()};
  return home_->here()->try_enter();
}

Result<GatePermit> Gate::enter() const {
  GatePermit permit = try_enter();
  if (!permit) return refusal(permit);
  return permit;
}

Status Gate::refusal(const GatePermit& refused) const {
  if (!home_->status().ok()) return home_->status();
  return home_->here()->refusal(refused.cause(), refused.retry_after());
}

Operation<GatePermit> Gate::acquire(Deadline deadline, GatePriority priority) const {
  const auto& core = home_->here();
  if (!home_->status().ok()) {
    return internal::GateAcquire::ended(
        internal::GateAcquire::make(core, {}, Deadline::never(), GatePriority::kNormal),
        home_->status());
  }
  return core->acquire(Deadline::now(), deadline, priority);
}

void Gate::penalize(Duration time) const { home_->here()->penalize(Deadline::now(), time); }

void Gate::force(BreakerMode mode) const { home_->here()->force(mode); }

GateStats Gate::stats() const { return home_->here()->stats(); }

const GateOptions::Values& Gate::options() const noexcept { return home_->options(); }

}  // namespace tidegate
