// SPDX-License-Identifier: Apache-2.0
// What any thread may do. The line is in gate_line.cpp.
#include "gate/gate_core.hpp"

#include <algorithm>
#include <mutex>

#include "base/fork.hpp"
#include "gate/gate_acquire.hpp"
#include "policy/rate_limit_fields.hpp"

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

std::shared_ptr<GateCore> GateCore::make(Loop& loop, Clocks clocks,
                                         const GateOptions::Values& options,
                                         const policy::Limiter& limiter, const Shared& shared,
                                         std::uint64_t seed, std::optional<RemoteSetup> remote) {
  const auto abandon = [](GateCore* core) {
    if (core->slots_.abandon()) delete core;
  };
  std::shared_ptr<GateCore> made(new GateCore(loop, clocks, options, limiter, shared, seed),
                                 abandon);
  if (remote) {
    made->remote_ = std::make_shared<RemoteStarts>(loop, made->name_, *std::move(remote),
                                                   made->metrics_.lost, made->starts_);
  }
  if (made->breaker_ && shared.openings) {
    made->breaker_->share(loop, shared.openings, made, seed);
  }
  return made;
}

GateCore::GateCore(Loop& loop, Clocks clocks, const GateOptions::Values& options,
                   const policy::Limiter& limiter, const Shared& shared, std::uint64_t seed)
    : loop_(loop),
      clock_(clocks.clock),
      name_(options.name),
      most_waiting_(options.queue),
      max_penalty_(options.max_penalty),
      reads_limits_(options.rate_limit_fields),
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
  if (options.adaptive_rate) rate_.emplace();
  if (!options.breaker) return;
  // A breaker changes only while somebody holds this core or is inside.
  auto opened = [this] {
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (slots_.waiting() > 0) kick();
  };
  breaker_.emplace(told_of(*options.breaker, std::move(opened)), clocks.coarse, seed,
                   shared.breaker);
}

GatePermit GateCore::try_enter() {
  const TimePoint now = clock_.now();
  const Duration open = open_for();
  GatePermit permit = open > Duration::zero() ? GatePermit(Cause::kCircuitOpen, open)
                      : remote_               ? ask_to_enter(now)
                                              : take_all(now, true);
  if (!permit) count_refusal(permit.cause());
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

// A closed breaker is asked once: that it opens while the rest is taken is as if it did a moment later.
GatePermit GateCore::take_all(TimePoint now, bool may_probe) noexcept {
  const std::uint64_t breaker = breaker_word();
  if (!is_closed(breaker)) [[unlikely]]
    return may_probe ? take_all_and_ask(now) : GatePermit(Cause::kCircuitOpen, {});
  if (!slots_.try_take()) return no_slot(now);
  if (const Duration wait = starts_.take(now, 1); wait > Duration::zero()) {
    give_back();
    return {Cause::kRateLimited, wait};
  }
  return permit({.word = breaker, .lease = 0}, now, {});
}

GatePermit GateCore::take_all_and_ask(TimePoint now) noexcept {
  if (!slots_.try_take()) return no_slot(now);
  const LimiterWord::Booking booking = starts_.reserve(now, 1, Duration::zero());
  if (!booking.granted()) {
    give_back();
    return {Cause::kRateLimited, booking.wait};
  }
  const SharedBreaker::Entry entry = ask_breaker(now);
  if (!entry.entered) {
    starts_.cancel(booking, now);
    give_back();
    return {Cause::kCircuitOpen, entry.retry_after};
  }
  return permit(entry.permit, now, {});
}

GatePermit GateCore::no_slot(TimePoint now) noexcept {
  if (slots_.inside() >= slots_.limit()) return {Cause::kPoolTimeout, {}};
  return {Cause::kRateLimited, std::max(Duration(1), least_wait(now, GatePriority::kLow))};
}

GatePermit GateCore::ask_to_enter(TimePoint now) {
  if (!slots_.try_take()) return no_slot(now);
  TakenSlot slot(*this);
  const auto asking = remote_->ask(1, Duration::zero());
  const auto booked = asking.wait();
  return with_start(slot, booked.ok() ? *booked : RemoteBooking::failed(booked.status()), true);
}

GatePermit GateCore::with_start(TakenSlot& slot, const RemoteBooking& booked, bool may_probe) {
  if (!booked.granted()) {
    if (booked.failure.ok()) return {Cause::kRateLimited, booked.local.wait};
    return {booked.failure.cause(), {}};
  }
  const TimePoint now = clock_.now();
  const std::uint64_t breaker = breaker_word();
  SharedBreaker::Entry entry{.entered = true, .permit = {.word = breaker, .lease = 0}};
  if (!is_closed(breaker)) entry = may_probe ? ask_breaker(now) : SharedBreaker::Entry();
  if (!entry.entered) {
    remote_->cancel(booked, shared_from_this());
    return {Cause::kCircuitOpen, entry.retry_after};
  }
  slot.is_kept = true;
  return permit(entry.permit, now, {});
}

Task<GatePermit> GateCore::try_enter_in_flow(std::shared_ptr<GateCore> self, bool may_probe) {
  GateCore& core = *self;
  const TimePoint now = core.clock_.now();
  std::optional<GatePermit> permit;
  if (const Duration open = core.open_for(); open > Duration::zero()) {
    permit.emplace(GatePermit(Cause::kCircuitOpen, open));
  } else if (!may_probe && !core.is_closed(core.breaker_word())) {
    permit.emplace(GatePermit(Cause::kCircuitOpen, Duration::zero()));
  } else if (!core.remote_) {
    permit.emplace(core.take_all(now, may_probe));
  } else if (!core.slots_.try_take()) {
    permit.emplace(core.no_slot(now));
  } else {
    TakenSlot slot(core);
    auto asking = core.remote_->book(1, Duration::zero());
    const RemoteBooking booked = co_await std::move(asking);
    permit.emplace(core.with_start(slot, booked, may_probe));
  }
  if (!*permit && may_probe) core.count_refusal(permit->cause());
  co_return std::move(*permit);
}

Operation<GatePermit> GateCore::acquire(TimePoint now, Deadline deadline, GatePriority priority) {
  GateAcquireRef acquire = GateAcquire::make(shared_from_this(), now, deadline, priority);
  const auto refused = [this, &acquire](Status refusal) {
    return GateAcquire::ended(std::move(acquire), counted(std::move(refusal)));
  };
  if (const Duration open = open_for(); open > Duration::zero()) return refused(circuit_open(open));
  if (!remote_ && slots_.waiting() == 0) {
    GatePermit permit = take_all(now, true);
    if (permit) return GateAcquire::ended(std::move(acquire), std::move(permit));
    if (permit.cause() == Cause::kCircuitOpen) return refused(circuit_open(permit.retry_after()));
  }
  if (deadline.passed(now)) return refused(no_turn(now, priority));
  if (Status refusal = join(now, deadline, priority); !refusal.ok()) {
    return refused(std::move(refusal));
  }
  return GateAcquire::start(std::move(acquire));
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

Status GateCore::foresee(TimePoint now, Deadline until, std::uint64_t more) noexcept {
  if (const Duration open = open_for(); open > Duration::zero()) return counted(circuit_open(open));
  const Duration wait = least_wait(now, GatePriority::kNormal, more);
  const Duration left = until.left(now);
  return wait > left ? counted(too_late(wait, left)) : Status();
}

Duration GateCore::least_wait(TimePoint now, GatePriority priority, std::uint64_t more) noexcept {
  std::uint64_t before = more;
  for (std::size_t i = 0; i <= static_cast<std::size_t>(priority); ++i) {
    before += ahead_[i].load(std::memory_order_relaxed);
  }
  return remote_ ? remote_->least_wait(now, 1, before) : starts_.wait(now, 1, before);
}

GatePermit GateCore::permit(const SharedBreaker::Permit& breaker, TimePoint entered,
                            Duration waited) noexcept {
  metrics_.granted.add();
  metrics_.inside.count(1);
  if (rate_) [[unlikely]]
    space_starts(entered, false);
  GatePermit permit;
  permit.core_ = this;
  permit.breaker_word_ = breaker.word;
  permit.breaker_lease_ = breaker.lease;
  permit.entered_ = entered;
  permit.waited_ = waited;
  return permit;
}

SharedBreaker::Permit GateCore::breaker_permit(const GatePermit& permit) noexcept {
  return {.word = permit.breaker_word_, .lease = permit.breaker_lease_};
}

CallTime GateCore::time_of(const GatePermit& permit) noexcept {
  return {.entered = permit.entered_, .may_take = permit.may_take_, .took = permit.took_};
}

void GateCore::leave(GatePermit& permit, Cause cause) noexcept {
  if (process_ != fork_generation()) return;
  if (breaker_) {
    breaker_->leave(breaker_permit(permit), time_of(permit), cause);
  }
  if (aimd_) learn(policy::load_of(cause));
  metrics_.inside.count(-1);
  give_back();
}

void GateCore::leave(GatePermit& permit, int status, std::optional<Duration> retry_after) noexcept {
  if (process_ != fork_generation()) return;
  const bool is_told = retry_after && (status == 429 || status == 503);
  if (is_told) penalize(clock_.now(), *retry_after);
  if (rate_ && (is_told || status == 429)) space_starts(clock_.now(), true);
  if (breaker_) {
    breaker_->leave_with_http_status(breaker_permit(permit), time_of(permit), status);
  }
  if (aimd_) learn(policy::load_of_http_status(status));
  metrics_.inside.count(-1);
  give_back();
}

void GateCore::leave(GatePermit& permit, int status, const Headers& headers) noexcept {
  const bool refuses = status == 429 || status == 503;
  if (!refuses && !reads_limits_) return leave(permit, status, std::nullopt);
  const auto wall = wall_time();
  const auto left = reads_limits_ ? policy::nothing_left_for(headers, wall) : std::nullopt;
  if (left && process_ == fork_generation()) penalize(clock_.now(), *left);
  leave(permit, status, refuses ? policy::asked_wait(headers, status, wall) : std::nullopt);
}

// Before the call gives its slot back, which tells those that wait of a larger limit too.
void GateCore::learn(policy::Load load) noexcept {
  const TimePoint now = clock_.now();
  const std::lock_guard lock(learn_mutex_);
  aimd_->ended(load, slots_.inside(), now);
  slots_.set_limit(aimd_->limit());
}

// What has started keeps the next one from it, as a short penalty would.
void GateCore::space_starts(TimePoint now, bool is_pushed_back) noexcept {
  Duration gap;
  {
    const std::lock_guard lock(learn_mutex_);
    if (is_pushed_back) {
      rate_->pushed_back(now);
    } else {
      rate_->started(now);
    }
    gap = rate_->gap(now);
  }
  if (gap > Duration::zero()) hold(now, now + gap);
  if (is_pushed_back && slots_.waiting() > 0) kick();
}

// Nobody may hold a pointer any more; what is given back is what kept it alive. Who waits holds one.
void GateCore::give_back() noexcept {
  for (;;) {
    switch (slots_.give_back_unawaited()) {
      case GateSlots::GivenBack::kDone: return;
      case GateSlots::GivenBack::kLast: delete this; return;
      case GateSlots::GivenBack::kAwaited: break;
    }
    const std::shared_ptr<GateCore> self = weak_from_this().lock();
    if (!self) continue;
    if (slots_.give_back()) kick();
    return;
  }
}

void GateCore::penalize(TimePoint now, Duration time) noexcept {
  if (time <= Duration::zero()) return;
  hold(now, now + std::min(time, max_penalty_));
  metrics_.penalties.add();
  if (slots_.waiting() > 0) kick();
}

void GateCore::hold(TimePoint now, TimePoint until) noexcept {
  if (remote_) {
    remote_->penalize(now, until);
  } else {
    starts_.penalize(now, until);
  }
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
  if (rate_) {
    const TimePoint now = clock_.now();
    const std::lock_guard lock(learn_mutex_);
    if (rate_->gap(now) > Duration::zero()) stats.rate = rate_->rate(now);
  }
  return stats;
}

}  // namespace tidegate::internal
