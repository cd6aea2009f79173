// SPDX-License-Identifier: Apache-2.0
#include "gate/gate_home.hpp"

#include <string>
#include <utility>

#include "base/seed.hpp"
#include "gate/limiter_home.hpp"
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

// A breaker that has no name of its own has the gate's.
GateOptions::Values named(GateOptions::Values options) {
  if (options.breaker && options.breaker->values().name == BreakerOptions::Values().name) {
    options.breaker->name(options.name);
  }
  return options;
}

Status check(const std::string& name, const GateOptions::Adaptive& adaptive) {
  const bool is_in_order = 1 <= adaptive.least && adaptive.least <= adaptive.first &&
                           adaptive.first <= adaptive.most && adaptive.most <= 1'000'000;
  if (!adaptive.is_set || is_in_order) return {};
  return Status(Cause::kConfig,
                "gate '" + name + "': a concurrency from " + std::to_string(adaptive.least) +
                    " over " + std::to_string(adaptive.first) + " to " +
                    std::to_string(adaptive.most) + " is not 1 to 1,000,000 in this order");
}

Status check(const GateOptions::Values& options) {
  if (Status adaptive = check(options.name, options.adaptive); !adaptive.ok()) return adaptive;
  const Status limits = check_gate_limits(options.limits.values());
  if (limits.ok()) return {};
  return Status(limits.cause(), "gate '" + options.name + "': " + std::string(limits.message()));
}

}  // namespace

GateHome::GateHome(GateOptions::Values options)
    : options_(named(std::move(options))), status_(check(options_)) {
  if (!status_.ok() || options_.limits.values().share != Share::kHost) return;
  LimiterOptions limits = options_.limits;
  const Result<SharedLimiter> shared = share_limiter(limits.name(options_.name).values());
  if (shared.ok()) {
    shared_ = *shared;
  } else {
    status_ = Status(shared.status().cause(),
                     "gate '" + options_.name + "': " + std::string(shared.status().message()));
  }
}

const std::shared_ptr<GateCore>& GateHome::here() {
  return cores_.get([this] { return make(); });
}

// Where the options are no good it is there all the same, to refuse.
std::shared_ptr<GateCore> GateHome::make() const {
  const policy::Limiter limiter =
      limiter_of(status_.ok() ? options_.limits.values() : LimiterOptions::Values(), shared_);
  return std::make_shared<GateCore>(Runtime::current().shard(), clocks(), options_, limiter,
                                    shared_ ? shared_->words : nullptr, fresh_seed());
}

}  // namespace tidegate::internal
