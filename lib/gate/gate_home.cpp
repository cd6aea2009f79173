// SPDX-License-Identifier: Apache-2.0
#include "gate/gate_home.hpp"

#include <optional>
#include <string>
#include <utility>

#include "base/seed.hpp"
#include "gate/breaker_share.hpp"
#include "gate/gate_lint.hpp"
#include "gate/limiter_home.hpp"
#include "gate/remote_home.hpp"
#include "net/runtime.hpp"

namespace tidegate::internal {

namespace {

class PreciseClock final : public Clock {
 public:
  TimePoint now() const noexcept override { return Deadline::now(); }
};

GateCore::Clocks clocks() noexcept {
  static const PreciseClock precise;
  return {.clock = precise, .coarse = coarse_clock()};
}

// A breaker that has no name of its own has the gate's, and counts with whom the gate does.
GateOptions::Values whole(GateOptions::Values options) {
  options.limits.name(options.name);
  if (!options.breaker) return options;
  BreakerOptions& breaker = *options.breaker;
  if (breaker.values().name == BreakerOptions::Values().name) breaker.name(options.name);
  const LimiterOptions::Values& limits = options.limits.values();
  const Share own = breaker.values().share;
  if (limits.share == Share::kHost && own != Share::kRedis) {
    breaker.share(Share::kHost).state_dir(limits.state_dir);
  }
  const bool follows = limits.share == Share::kRedis && own == Share::kProcess;
  if (follows) breaker.share(Share::kRedis);
  if (follows || breaker.values().redis.empty()) {
    breaker.redis(limits.redis).redis_timeout(limits.redis_timeout);
  }
  return options;
}

Status check(const GateOptions::Adaptive& adaptive) {
  const bool is_in_order = 1 <= adaptive.least && adaptive.least <= adaptive.first &&
                           adaptive.first <= adaptive.most && adaptive.most <= 1'000'000;
  if (!adaptive.is_set || is_in_order) return {};
  return Status(Cause::kConfig, "a concurrency from " + std::to_string(adaptive.least) + " over " +
                                    std::to_string(adaptive.first) + " to " +
                                    std::to_string(adaptive.most) +
                                    " is not 1 to 1,000,000 in this order");
}

Status check(const GateOptions::Values& options) {
  if (Status adaptive = check(options.adaptive); !adaptive.ok()) return adaptive;
  if (Status limits = check_gate_limits(options.limits.values()); !limits.ok()) return limits;
  if (Status shared = check_redis(options.limits.values()); !shared.ok()) return shared;
  return options.breaker ? check_redis(options.breaker->values()) : Status();
}

}  // namespace

GateHome::GateHome(GateOptions::Values options, Status unfit)
    : options_(whole(std::move(options))), status_(std::move(unfit)) {
  if (status_.ok()) status_ = check(options_);
  if (status_.ok()) status_ = share();
  if (status_.ok()) {
    tell_of(options_);
    return;
  }
  status_ =
      Status(status_.cause(), "gate '" + options_.name + "': " + std::string(status_.message()));
}

Status GateHome::share() {
  if (options_.limits.values().share == Share::kHost) {
    const Result<SharedLimiter> shared = share_limiter(options_.limits.values());
    if (!shared.ok()) return shared.status();
    limits_ = *shared;
  }
  if (options_.breaker && options_.breaker->values().share == Share::kHost) {
    const Result<BreakerWords*> shared = share_breaker(options_.breaker->values());
    if (!shared.ok()) return shared.status();
    breaker_ = *shared;
  }
  return {};
}

// Where the options are no good it is there all the same, to refuse.
std::shared_ptr<GateCore> GateHome::make() const {
  Loop& loop = Runtime::current().shard();
  const LimiterOptions::Values limits =
      status_.ok() ? options_.limits.values() : LimiterOptions::Values();
  GateCore::Shared shared{.limits = limits_ ? limits_->words : nullptr, .breaker = breaker_};
  if (status_.ok() && options_.breaker) {
    shared.openings = remote_openings(options_.breaker->values());
  }
  if (limits.share == Share::kRedis) {
    return GateCore::make(loop, clocks(), options_,
                          limiter_of(part_of_process(limits), std::nullopt), shared, fresh_seed(),
                          remote_setup(loop, limits));
  }
  return GateCore::make(loop, clocks(), options_, limiter_of(limits, limits_), shared,
                        fresh_seed());
}

}  // namespace tidegate::internal
