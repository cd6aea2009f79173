// SPDX-License-Identifier: Apache-2.0
#include "gate/limiter_home.hpp"

#include <limits>
#include <string>
#include <vector>

#include "base/seed.hpp"
#include "gate/gate_lint.hpp"
#include "gate/remote_home.hpp"
#include "net/runtime.hpp"

namespace tidegate::internal {

namespace {

using policy::Limit;

constexpr Duration kSecond = std::chrono::seconds(1);
constexpr std::uint32_t kBillion = 1'000'000'000;

Status check(const LimiterOptions::Rate& rate) {
  const std::string shown = std::to_string(rate.permits) + " in " + format_duration(rate.per);
  if (rate.permits == 0 || rate.per <= Duration::zero()) {
    return Status(Cause::kConfig, "a rate of " + shown + " lets nothing start");
  }
  if (rate.burst == 0 || (rate.is_strict && rate.burst > rate.permits)) {
    return Status(Cause::kConfig, "a burst of " + std::to_string(rate.burst) + " with " + shown +
                                      " is not from 1 to what may start in all");
  }
  const double all = static_cast<double>(rate.per.count()) / static_cast<double>(rate.permits) *
                     static_cast<double>(rate.burst);
  if (all > static_cast<double>(Limit::kLongest.count())) {
    return Status(Cause::kConfig,
                  "a burst with " + shown + " takes longer than a year to be saved");
  }
  return {};
}

bool is_time(Duration time) { return time >= Duration::zero() && time <= Limit::kLongest; }

Status check(const LimiterOptions::Pace& pace) {
  if (!pace.is_set) {
    if (pace.every == 0) return {};
    return Status(Cause::kConfig, "a pause is of a pace, and there is none");
  }
  if (pace.interval <= Duration::zero() || !is_time(pace.interval) || !is_time(pace.jitter)) {
    return Status(Cause::kConfig, "a pace of " + format_duration(pace.interval) + " and up to " +
                                      format_duration(pace.jitter) +
                                      " more is not from above zero to a year");
  }
  if (pace.every > std::numeric_limits<std::uint16_t>::max()) {
    return Status(Cause::kConfig,
                  "a pause each " + std::to_string(pace.every) + " starts is not each 1 to 65,535");
  }
  if (!is_time(pace.least_pause) || !is_time(pace.most_pause) ||
      pace.least_pause > pace.most_pause) {
    return Status(Cause::kConfig, "a pause from " + format_duration(pace.least_pause) + " to " +
                                      format_duration(pace.most_pause) + " is none");
  }
  return {};
}

std::size_t count_of(const LimiterOptions::Values& options) noexcept {
  return options.rates.size() + (options.pace.is_set ? 1 : 0);
}

Limit limit_of(const LimiterOptions::Rate& rate) noexcept {
  return rate.is_strict ? Limit::strict(rate.permits, rate.per, rate.burst)
                        : Limit::rate(rate.permits, rate.per, rate.burst);
}

Limit limit_of(const LimiterOptions::Pace& pace, std::uint64_t seed) noexcept {
  return Limit::pace({.interval = pace.interval,
                      .jitter = pace.jitter,
                      .every = static_cast<std::uint16_t>(pace.every),
                      .least_pause = pace.least_pause,
                      .most_pause = pace.most_pause,
                      .seed = seed});
}

}  // namespace

Status check_limits(const LimiterOptions::Values& options) {
  const std::size_t limits = count_of(options);
  if (limits == 0 || limits > policy::Limiter::kMostLimits) {
    return Status(Cause::kConfig, "limiter '" + options.name + "' has " + std::to_string(limits) +
                                      " limits, not 1 to " +
                                      std::to_string(policy::Limiter::kMostLimits));
  }
  for (const auto& rate : options.rates) {
    if (const Status status = check(rate); !status.ok()) return status;
  }
  return check(options.pace);
}

Status check_gate_limits(const LimiterOptions::Values& options) {
  return count_of(options) == 0 ? check(options.pace) : check_limits(options);
}

policy::Limiter limiter_of(const LimiterOptions::Values& options, TimePoint epoch,
                           std::uint64_t seed) {
  std::vector<Limit> limits;
  limits.reserve(count_of(options) + 1);
  for (const auto& rate : options.rates) limits.push_back(limit_of(rate));
  if (options.pace.is_set) limits.push_back(limit_of(options.pace, seed));
  if (limits.empty()) limits.push_back(Limit::rate(kBillion, kSecond, kBillion));
  return {epoch, limits.data(), limits.size()};
}

policy::Limiter limiter_of(const LimiterOptions::Values& options,
                           const std::optional<SharedLimiter>& shared) {
  if (shared) return limiter_of(options, shared->epoch, shared->seed);
  return limiter_of(options, Deadline::now(), fresh_seed());
}

LimiterHome::LimiterHome(const LimiterOptions& options)
    : options_(options.values()), status_(check_limits(options_)) {
  if (status_.ok()) status_ = check_redis(options_);
  if (!status_.ok()) return;
  tell_of(options_);
  if (options_.share != Share::kHost) return;
  const Result<SharedLimiter> shared = share_limiter(options_);
  if (shared.ok()) {
    shared_ = *shared;
  } else {
    status_ = shared.status();
  }
}

// Where the options are no good it is there all the same, to refuse.
std::shared_ptr<LimiterCore> LimiterHome::make() const {
  Loop& loop = Runtime::current().shard();
  const auto& options = status_.ok() ? options_ : LimiterOptions::Values();
  if (options.share == Share::kRedis) {
    return std::make_shared<LimiterCore>(loop, limiter_of(part_of_process(options), std::nullopt),
                                         options_.name, options_.queue,
                                         remote_setup(loop, options));
  }
  return std::make_shared<LimiterCore>(loop, limiter_of(options, shared_), options_.name,
                                       options_.queue, shared_ ? shared_->words : nullptr);
}

}  // namespace tidegate::internal
