// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "breaker.hpp"
#include "guard.hpp"
#include "limiter.hpp"
#include "objects.hpp"
#include "options.hpp"
#include "settings.hpp"
#include "tidegate/breaker.hpp"

namespace tidegate::c {

class BreakerObject final : public Object {
 public:
  explicit BreakerObject(const BreakerOptions& options) : breaker(options) {}
  Breaker breaker;
};

class PermitObject final : public Object {
 public:
  explicit PermitObject(BreakerPermit what) noexcept : permit(std::move(what)) {}
  BreakerPermit permit;
};

template <>
struct ObjectOf<tidegate_breaker> : Behind<BreakerObject, Kind::kBreaker> {};
template <>
struct ObjectOf<tidegate_breaker_permit> : Behind<PermitObject, Kind::kBreakerPermit> {};

namespace {

constexpr char kBreakerType[] = "tidegate_breaker";

static_assert(static_cast<int>(BreakerState::kClosed) == TIDEGATE_BREAKER_CLOSED &&
              static_cast<int>(BreakerState::kOpen) == TIDEGATE_BREAKER_OPEN &&
              static_cast<int>(BreakerState::kHalfOpen) == TIDEGATE_BREAKER_HALF_OPEN);
static_assert(static_cast<int>(BreakerMode::kAutomatic) == TIDEGATE_BREAKER_AUTOMATIC &&
              static_cast<int>(BreakerMode::kForcedOpen) == TIDEGATE_BREAKER_FORCED_OPEN &&
              static_cast<int>(BreakerMode::kForcedClosed) == TIDEGATE_BREAKER_FORCED_CLOSED &&
              static_cast<int>(BreakerMode::kDisabled) == TIDEGATE_BREAKER_DISABLED);

// `say(permit)` for the one that gives the handle back.
template <class Say>
void end(tidegate_breaker_permit* handle, Say say) {
  guard_value(0, [&] {
    const Pin permit(handle);
    if (permit && release(handle)) say(permit->permit);
    return 0;
  });
}

}  // namespace
}  // namespace tidegate::c

using namespace tidegate;     // NOLINT(google-build-using-namespace)
using namespace tidegate::c;  // NOLINT(google-build-using-namespace)

tidegate_status tidegate_breaker_create(const tidegate_config* config_handle, const char* name,
                                        tidegate_breaker** breaker, tidegate_error** err) {
  return guard(err, [&] {
    Status ready = clear(breaker);
    if (!ready.ok()) return ready;
    const Pin config(config_handle);
    if (config_handle && !config) return no_handle(config_handle, "tidegate_config");
    if (!name || !*name) return bad_argument("the breaker has no name");
    auto options = setting(config ? config->config : Config(), name,
                           [](const auto& source) { return BreakerOptions::from(source); });
    auto made = std::make_unique<BreakerObject>(options.name(name));
    if (Status status = made->breaker.status(); !status.ok()) return status;
    return give(breaker, std::move(made));
  });
}

void tidegate_breaker_destroy(tidegate_breaker* breaker) { give_back(breaker); }

tidegate_status tidegate_breaker_enter(tidegate_breaker* handle, tidegate_breaker_permit** permit,
                                       std::int64_t* retry_after_ms, tidegate_error** err) {
  return guard(err, [&] {
    if (retry_after_ms) *retry_after_ms = 0;
    Status ready = clear(permit);
    if (!ready.ok()) return ready;
    const Pin breaker(handle);
    if (!breaker) return no_handle(handle, kBreakerType);
    BreakerPermit entered = breaker->breaker.try_enter();
    if (entered) return give(permit, std::make_unique<PermitObject>(std::move(entered)));
    if (retry_after_ms) *retry_after_ms = to_ms(entered.retry_after());
    return breaker->breaker.refusal(entered.retry_after());
  });
}

void tidegate_breaker_leave(tidegate_breaker_permit* permit, tidegate_cause cause) {
  end(permit, [cause](BreakerPermit& said) { said.failure(static_cast<Cause>(cause)); });
}

void tidegate_breaker_leave_http(tidegate_breaker_permit* permit, std::int32_t status) {
  end(permit, [status](BreakerPermit& said) { said.http_status(status); });
}

void tidegate_breaker_timed(tidegate_breaker_permit* handle, std::int64_t timeout_ms,
                            std::int64_t took_ms) {
  guard_value(0, [&] {
    const Pin permit(handle);
    if (permit) permit->permit.timed(time_of(timeout_ms), time_of(took_ms));
    return 0;
  });
}

tidegate_status tidegate_breaker_force(tidegate_breaker* handle, tidegate_breaker_mode mode,
                                       tidegate_error** err) {
  return guard(err, [&] {
    const Pin breaker(handle);
    if (!breaker) return no_handle(handle, kBreakerType);
    return force(breaker->breaker, mode);
  });
}

tidegate_status tidegate_breaker_stats(tidegate_breaker* handle, tidegate_breaker_counts* counts,
                                       tidegate_error** err) {
  return guard(err, [&] {
    if (!counts) return bad_argument("there is no place for the counts: it is NULL");
    const Pin breaker(handle);
    if (!breaker) return no_handle(handle, kBreakerType);
    const BreakerStats stats = breaker->breaker.stats();
    tidegate_breaker_counts values = TIDEGATE_BREAKER_COUNTS_INIT;
    values.retry_after_ms = to_ms(stats.retry_after);
    values.calls = stats.calls;
    values.failures = stats.failures;
    values.slow = stats.slow;
    values.probing = stats.probing;
    values.state = static_cast<tidegate_breaker_state>(stats.state);
    values.mode = static_cast<tidegate_breaker_mode>(stats.mode);
    values.redis_answers = stats.redis_answers;
    values.redis_failures = stats.redis_failures;
    return write_struct(values, counts);
  });
}

const char* tidegate_breaker_state_name(tidegate_breaker_state state) {
  return breaker_state_name(static_cast<BreakerState>(state)).data();
}
