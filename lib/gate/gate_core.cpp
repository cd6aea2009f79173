// SPDX-License-Identifier: Apache-2.0
// What any thread may do. The line is in gate_line.cpp.
#include "gate/gate_core.hpp"

#include <algorithm>
#include <mutex>

#include "base/fork.hpp"
#include "gate/gate_acquire.hpp"

namespace tidegate::internal {

namespace {

std::uint32_t slots_of(const GateOptions::Values& options) noexcept {
  const std::size_t concurrency =
      options.adaptive.is_set ? options.adaptive.first : options.concurrency;
  if (concurrency == 0) return GateSlots::kNoLimit;
  return static_cast<std::uint32_t>(std::min<std::size_t>(concurrency, GateSlots::kNoLimit - 1));
}

BreakerOptions::Values told_of(BreakerOptions options, std::function<void()> opened) {
  auto told = [opened = std::move(opened),
               listener = options.values().on_change](const BreakerChange& change) {
    if (change.to == BreakerState::kOpen) opened();
    if (listener) listener(change);
  };
  return options.on_change(std::move(told)).values();
}

}  // namespace

GateCore::GateCore(Loop& loop, Clocks clocks, const GateOptions::Values& options,
                   const policy::Limiter& limiter, const Shared& shared, std::uint64_t seed)
    : loop_(loop),
      clock_(clocks.clock),
      name_(options.name),
      most_waiting_(options.queue),
      max_penalty_(options.max_penalty),
      process_(fork_generation()),
      metrics_(options.name),
      slots_(slots_of(options)),
      starts_(limiter, metrics_, shared.limits) {
  if (options.adaptive.is_set) {
    aimd_.emplace(policy::Aimd::Bounds{
        .least = static_cast<std::uint32_t>(options.adaptive.least),
        .first = static_cast<std::uint32_t>(options.adaptive.first),
        .most = static_cast<std::uint32_t>(options.adaptive.most),
    });
  }
  if (!options.breaker) return;
  // A breaker changes only while somebody holds this core: its permits are parts of the gate's.
  auto opened = [this] {
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (slots_.waiting() > 0) kick();
  };
  breaker_ = std::make_shared<BreakerCore>(told_of(*options.breaker, std::move(opened)),
                                           clocks.coarse, seed, shared.breaker);
}

GatePermit GateCore::try_enter(const std::shared_ptr<GateCore>& self, TimePoint now) noexcept {
  GatePermit permit = take_all(self, now);
  if (!permit) self->count_refusal(permit.cause());
  return permit;
}

void GateCore::count_refusal(Cause cause) noexcept {
  if (cause == Cause::kCancelled || cause == Cause::kClosed) return;
  metrics_.refused.add();
  if (cause == Cause::kCircuitOpen) metrics_.circuit_open.add();
}

Status GateCore::counted(Status refusal) noexcept {
  count_refusal(refusal.cause());
  return refusal;
}

GatePermit GateCore::take_all(const std::shared_ptr<GateCore>& self, TimePoint now) noexcept {
  GateCore& core = *self;
  if (const Duration open = core.open_for(); open > Duration::zero()) {
    return {Cause::kCircuitOpen, open};
  }
  if (!core.slots_.try_take()) {
    if (core.slots_.inside() >= core.slots_.limit()) return {Cause::kPoolTimeout, {}};
    const Duration wait = core.least_wait(now, GatePriority::kLow);
    return {Cause::kRateLimited, std::max(Duration(1), wait)};
  }
  const LimiterWord::Booking booking = core.starts_.reserve(now, 1, Duration::zero());
  if (!booking.granted()) {
    core.give_back();
    return {Cause::kRateLimited, booking.wait};
  }
  std::optional<BreakerPermit> breaker = core.ask_breaker();
  if (breaker && !*breaker) {
    core.starts_.cancel(booking, now);
    core.give_back();
    return {Cause::kCircuitOpen, breaker->retry_after()};
  }
  return permit(self, std::move(breaker), {});
}

Operation<GatePermit> GateCore::acquire(TimePoint now, Deadline deadline, GatePriority priority) {
  auto self = shared_from_this();
  const auto refused = [&self](Status refusal) {
    return GateAcquire::ended(self, self->counted(std::move(refusal)));
  };
  if (const Duration open = open_for(); open > Duration::zero()) return refused(circuit_open(open));
  if (deadline.passed(now)) return refused(no_turn(now, priority));
  if (slots_.waiting() == 0) {
    GatePermit permit = take_all(self, now);
    if (permit) return GateAcquire::ended(self, std::move(permit));
    if (permit.cause() == Cause::kCircuitOpen) return refused(circuit_open(permit.retry_after()));
  }
  if (Status refusal = join(now, deadline, priority); !refusal.ok()) {
    return refused(std::move(refusal));
  }
  return GateAcquire::start(std::move(self), now, deadline, priority);
}

Status GateCore::join(TimePoint now, Deadline until, GatePriority priority) noexcept {
  const Duration wait = least_wait(now, priority);
  if (const Duration left = until.left(now); wait > left) return too_late(wait, left);
  if (!slots_.join(most_waiting_)) return queue_full();
  ahead(priority).fetch_add(1, std::memory_order_relaxed);
  metrics_.waiting.add(1);
  std::atomic_thread_fence(std::memory_order_seq_cst);  // before it looks at the breaker again
  return {};
}

void GateCore::leave_line(GatePriority priority, bool is_ahead) noexcept {
  if (is_ahead) ahead(priority).fetch_sub(1, std::memory_order_relaxed);
  metrics_.waiting.add(-1);
  slots_.leave();
}

Duration GateCore::least_wait(TimePoint now, GatePriority priority) noexcept {
  std::uint64_t before = 0;
  for (std::size_t i = 0; i <= static_cast<std::size_t>(priority); ++i) {
    before += ahead_[i].load(std::memory_order_relaxed);
  }
  return starts_.wait(now, 1, before);
}

std::optional<BreakerPermit> GateCore::ask_breaker() noexcept {
  if (!breaker_) return std::nullopt;
  return BreakerCore::enter(breaker_);
}

GatePermit GateCore::permit(std::shared_ptr<GateCore> self, std::optional<BreakerPermit> breaker,
                            Duration waited) noexcept {
  self->metrics_.granted.add();
  self->metrics_.inside.add(1);
  GatePermit permit;
  permit.core_ = std::move(self);
  permit.breaker_ = std::move(breaker);
  permit.waited_ = waited;
  return permit;
}

void GateCore::leave(GatePermit& permit, Cause cause) noexcept {
  if (process_ != fork_generation()) return;
  if (permit.breaker_) permit.breaker_->failure(cause);
  if (aimd_) learn(policy::load_of(cause));
  metrics_.inside.add(-1);
  give_back();
}

void GateCore::leave(GatePermit& permit, int status, std::optional<Duration> retry_after) noexcept {
  if (process_ != fork_generation()) return;
  const bool is_told = retry_after && (status == 429 || status == 503);
  if (is_told) penalize(clock_.now(), *retry_after);
  if (permit.breaker_) permit.breaker_->http_status(status);
  if (aimd_) learn(policy::load_of_http_status(status));
  metrics_.inside.add(-1);
  give_back();
}

// Before the call gives its slot back, which tells those that wait of a larger limit too.
void GateCore::learn(policy::Load load) noexcept {
  const TimePoint now = clock_.now();
  const std::lock_guard lock(learn_mutex_);
  aimd_->ended(load, slots_.inside(), now);
  slots_.set_limit(aimd_->limit());
}

void GateCore::give_back() noexcept {
  if (slots_.give_back()) kick();
}

void GateCore::penalize(TimePoint now, Duration time) noexcept {
  if (time <= Duration::zero()) return;
  starts_.penalize(now, now + std::min(time, max_penalty_));
  metrics_.penalties.add();
  if (slots_.waiting() > 0) kick();
}

void GateCore::force(BreakerMode mode) noexcept {
  if (breaker_) breaker_->force(static_cast<policy::Breaker::Mode>(mode));
}

// One kick at a time is under way; what changes before it runs is seen by it.
void GateCore::kick() noexcept {
  if (kick_posted_.exchange(true, std::memory_order_acq_rel)) return;
  alive_ = weak_from_this().lock();
  if (!alive_ || loop_.post(kick_)) return;
  alive_.reset();
  kick_posted_.store(false, std::memory_order_release);
}

GateStats GateCore::stats() {
  const std::uint32_t limit = slots_.limit();
  GateStats stats{.granted = metrics_.granted.value(),
                  .refused = metrics_.refused.value(),
                  .circuit_open = metrics_.circuit_open.value(),
                  .penalties = metrics_.penalties.value(),
                  .waiting = slots_.waiting(),
                  .inside = slots_.inside(),
                  .concurrency = limit == GateSlots::kNoLimit ? 0 : limit,
                  .breaker = std::nullopt};
  if (breaker_) stats.breaker = breaker_->stats();
  return stats;
}

}  // namespace tidegate::internal
