// SPDX-License-Identifier: Apache-2.0
// The public face of a keyed limiter.
#include "tidegate/keyed_limiter.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "base/seed.hpp"
#include "gate/keyed_home.hpp"
#include "gate/limiter_home.hpp"
#include "net/runtime.hpp"

namespace tidegate {

namespace internal {

namespace {

Status check(const KeyedLimiterOptions::Values& options) {
  const LimiterOptions::Values& limits = options.limits.values();
  if (Status status = check_limits(limits); !status.ok()) return status;
  if (limits.pace.every != 0) {
    return Status(Cause::kConfig,
                  "the limits of keys have no pauses: of a key that is idle no starts are counted");
  }
  if (limits.share != Share::kProcess) {
    return Status(Cause::kConfig, "the limits of keys are a process's own");
  }
  if (options.max_keys == 0 || options.max_keys > KeyedLimiterOptions::kMostKeys) {
    return Status(Cause::kConfig, "max_keys of " + std::to_string(options.max_keys) +
                                      " is not from 1 to " +
                                      std::to_string(KeyedLimiterOptions::kMostKeys));
  }
  return {};
}

}  // namespace

KeyedHome::KeyedHome(KeyedLimiterOptions::Values options)
    : options_(std::move(options)), status_(check(options_)) {}

const std::shared_ptr<KeyedCore>& KeyedHome::here() {
  return cores_.get([this] {
    const LimiterOptions::Values& limits = options_.limits.values();
    return std::make_shared<KeyedCore>(
        Runtime::current().shard(),
        limiter_of(status_.ok() ? limits : LimiterOptions::Values(), Deadline::now(), fresh_seed()),
        limits.name,
        KeyedCore::Bounds{.keys = status_.ok() ? options_.max_keys : 1,
                          .waiting = limits.queue,
                          .waiting_of_key = options_.queue_of_key});
  });
}

bool start_now(const KeyedLimiter& limiter, std::string_view key, std::uint32_t weight) {
  KeyedHome& home = *limiter.home_;
  if (!home.status().ok()) return false;
  KeyedCore& core = *home.here();
  return core.fits(key, weight) && core.start_now(key, Deadline::now(), weight);
}

}  // namespace internal

KeyedLimiter::KeyedLimiter(const KeyedLimiterOptions& options)
    : home_(std::make_shared<internal::KeyedHome>(options.values())) {}

Status KeyedLimiter::status() const { return home_->status(); }

Verdict KeyedLimiter::try_acquire(std::string_view key, std::uint32_t weight) const {
  if (!home_->status().ok()) return {false, Duration::max()};
  internal::KeyedCore& core = *home_->here();
  if (!core.fits(key, weight)) return {false, Duration::max()};
  const Duration wait = core.take(key, Deadline::now(), weight);
  return {wait == Duration::zero(), wait};
}

Operation<Duration> KeyedLimiter::acquire(std::string_view key, Deadline deadline,
                                          std::uint32_t weight) const {
  const auto& core = home_->here();
  if (!home_->status().ok()) return core->ended(home_->status());
  return core->acquire(key, Deadline::now(), weight, deadline);
}

void KeyedLimiter::penalize(std::string_view key, Duration time) const {
  if (!home_->status().ok() || time <= Duration::zero()) return;
  internal::KeyedCore& core = *home_->here();
  const TimePoint now = Deadline::now();
  if (!core.fits(key, 1)) return;
  core.penalize(key, now, now + std::min(time, internal::LimiterWord::kLongestPenalty));
}

KeyedLimiterStats KeyedLimiter::stats() const {
  return home_->status().ok() ? internal::stats_of(home_->here()->metrics()) : KeyedLimiterStats();
}

}  // namespace tidegate
