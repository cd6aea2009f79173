// SPDX-License-Identifier: Apache-2.0
#include "gate/remote_starts.hpp"

#include <algorithm>
#include <new>
#include <utility>

#include "base/fork.hpp"

namespace tidegate::internal {

namespace {

using Origin = RemoteBooking::Origin;

}  // namespace

RemoteStarts::RemoteStarts(Loop& loop, const std::string& name, RemoteSetup setup, Counter& lost,
                           LimiterWord& local)
    : loop_(loop),
      limits_(std::move(setup.limits)),
      promised_(setup.promised),
      down_(setup.down),
      process_(fork_generation()),
      lost_(lost),
      remote_metrics_(name),
      local_(local) {
  for (auto& due : due_) due.store(kUnknown, std::memory_order_relaxed);
}

Duration RemoteStarts::least_wait(TimePoint now, std::uint32_t weight,
                                  std::uint64_t ahead) const noexcept {
  Duration longest = local_.held_for(now);
  if (is_down_.load(std::memory_order_relaxed)) {
    if (down_ == ShareDown::kLocal) longest = local_.wait(now, weight, ahead);
    return longest;
  }
  for (std::size_t i = 0; i < promised_.size(); ++i) {
    const Duration::rep due = due_[i].load(std::memory_order_relaxed);
    if (due == kUnknown) continue;
    const Duration interval = promised_[i].interval();
    const auto most = static_cast<std::uint64_t>(policy::Limit::kLongest / interval);
    const auto before = static_cast<Duration::rep>(std::min(most, ahead + weight - 1));
    longest = std::max(longest, Duration(due) - now.time_since_epoch() + before * interval);
  }
  return longest;
}

bool RemoteStarts::is_put_off(const RemoteBooking& booked, TimePoint now) const noexcept {
  if (!local_.is_held(now)) return false;
  return booked.penalties != penalties_.load(std::memory_order_relaxed);
}

Task<RemoteStarts::Come> RemoteStarts::come(const RemoteBooking* booked, Bell* hurry,
                                            Watch* watch) {
  const Scope& scope = co_await this_scope();
  const TimePoint start = booked->local.start;
  bool is_trusted = booked->origin != Origin::kStore || booked->local.wait <= kTrusted;
  for (;;) {
    const TimePoint now = loop_.now();
    if (is_put_off(*booked, now)) co_return Come::kPutOff;
    if (now >= start) break;
    if (!scope.ok() || (watch && watch->is_over())) co_return Come::kCutShort;
    const TimePoint next = is_trusted ? start : start - kTrusted / 2;
    if (now >= next) {
      is_trusted = true;
      auto looking = is_held_elsewhere(start);
      const bool is_held = co_await std::move(looking);
      if (is_held) co_return Come::kPutOff;
      continue;
    }
    const Deadline until = Deadline::at(next);
    const Cause woken = co_await hurry->heard(until);
    static_cast<void>(woken);
  }
  if (booked->origin != Origin::kStore) co_return Come::kHasCome;
  const bool is_late = loop_.now() > start + LimiterWord::kMostLate;
  co_return is_late ? Come::kTooLate : Come::kHasCome;
}

Task<bool> RemoteStarts::is_held_elsewhere(TimePoint start) {
  const TimePoint sent = loop_.now();
  auto asking = limits_->held(Duration::zero());
  const auto held = co_await std::move(asking);
  // What was booked for the end of a penalty starts then, however long its answer took.
  co_return held.ok() && sent + *held > start + LimiterWord::kMostLate;
}

void RemoteStarts::started(const RemoteBooking& booked, TimePoint now) noexcept {
  if (booked.origin == Origin::kLocal) local_.started(booked.local, now);
  const Duration late = now - booked.local.start;
  if (booked.origin != Origin::kStore || late <= kInTime) return;
  try {
    run_errand_of(tell_late, Late{booked.ticket, late});
  } catch (const std::bad_alloc&) {  // the next may be that much nearer
  }
}

}  // namespace tidegate::internal
