// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "breaker.hpp"
#include "gate.hpp"
#include "guard.hpp"
#include "limiter.hpp"
#include "objects.hpp"
#include "options.hpp"
#include "settings.hpp"
#include "start.hpp"

namespace tidegate::c {

class GatePermitObject final : public Object {
 public:
  explicit GatePermitObject(GatePermit what) noexcept : permit(std::move(what)) {}
  GatePermit permit;
};

template <>
struct ObjectOf<tidegate_gate_permit> : Behind<GatePermitObject, Kind::kGatePermit> {};

namespace {

constexpr char kGateType[] = "tidegate_gate";

static_assert(static_cast<int>(GatePriority::kHigh) == TIDEGATE_PRIORITY_HIGH &&
              static_cast<int>(GatePriority::kNormal) == TIDEGATE_PRIORITY_NORMAL &&
              static_cast<int>(GatePriority::kLow) == TIDEGATE_PRIORITY_LOW);

Result<GateOptions> gate_options(const char* name, const tidegate_gate_options& given,
                                 const Config& config) {
  GateOptions options =
      setting(config, name, [](const auto& source) { return GateOptions::from(source); });
  options.name(name);
  if (given.limits) {
    LimiterOptions shared =
        setting(config, name, [](const auto& source) { return LimiterOptions::from(source); });
    shared.share(options.values().limits.values().share);
    const Result<LimiterOptions> limiter = limiter_options(given.limits, std::move(shared));
    if (!limiter.ok()) return limiter.status();
    options.limits(*limiter);
  }
  if (given.concurrency) options.concurrency(given.concurrency);
  if (given.most_concurrency) {
    const std::uint32_t least = given.least_concurrency ? given.least_concurrency : 1;
    options.adaptive_concurrency(least, given.concurrency, given.most_concurrency);
  }
  if (given.queue) options.queue(given.queue);
  if (given.max_penalty_ms) options.max_penalty(time_of(given.max_penalty_ms));
  if (given.adaptive_rate) options.adaptive_rate();
  if (given.rate_limit_fields) options.rate_limit_fields();
  if (given.has_breaker) {
    options.breaker(setting(config, name, [](const auto& source) {
                      return BreakerOptions::from(source);
                    }).name(name));
  }
  return options;
}

Status give_gate(tidegate_gate** out, Gate gate) {
  Status status = gate.status();
  return status.ok() ? give(out, std::make_unique<GateObject>(std::move(gate))) : status;
}

// `say(permit)` for the one that gives the handle back.
template <class Say>
void end_permit(tidegate_gate_permit* handle, Say say) {
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

tidegate_status tidegate_gate_create(const tidegate_config* config_handle, const char* name,
                                     const tidegate_gate_options* given, tidegate_gate** gate,
                                     tidegate_error** err) {
  return guard(err, [&] {
    Status status = clear(gate);
    if (!status.ok()) return status;
    const Pin config(config_handle);
    if (config_handle && !config) return no_handle(config_handle, "tidegate_config");
    if (!name || !*name) return bad_argument("the gate has no name");
    tidegate_gate_options wanted = TIDEGATE_GATE_OPTIONS_INIT;
    status = read_options(given, wanted);
    if (!status.ok()) return status;
    const auto options = gate_options(name, wanted, config ? config->config : Config());
    if (!options.ok()) return options.status();
    return give_gate(gate, Gate(*options));
  });
}

tidegate_status tidegate_gate_of(const tidegate_config* config_handle, const char* service,
                                 tidegate_gate** gate, tidegate_error** err) {
  return guard(err, [&] {
    if (Status status = clear(gate); !status.ok()) return status;
    const Pin config(config_handle);
    if (config_handle && !config) return no_handle(config_handle, "tidegate_config");
    if (!service || !is_service(service)) {
      return bad_argument("a service is called by 1 to 64 of a-z, 0-9 and _");
    }
    std::optional<Gate> found =
        Gate::of(Service::from(config ? config->config : Config(), service));
    return found ? give_gate(gate, *std::move(found)) : Status();
  });
}

void tidegate_gate_destroy(tidegate_gate* gate) { give_back(gate); }

tidegate_status tidegate_gate_try_enter(tidegate_gate* handle, tidegate_gate_permit** permit,
                                        std::int64_t* retry_after_ms, tidegate_error** err) {
  return guard(err, [&] {
    if (retry_after_ms) *retry_after_ms = 0;
    Status ready = clear(permit);
    if (!ready.ok()) return ready;
    const Pin gate(handle);
    if (!gate) return no_handle(handle, kGateType);
    GatePermit entered = gate->gate.try_enter();
    if (entered) return give(permit, std::make_unique<GatePermitObject>(std::move(entered)));
    if (retry_after_ms) *retry_after_ms = to_ms(entered.retry_after());
    return gate->gate.refusal(entered);
  });
}

tidegate_status tidegate_gate_acquire(tidegate_gate* handle, tidegate_priority priority,
                                      std::int64_t timeout_ms, tidegate_op** op,
                                      tidegate_error** err) {
  return guard(err, [&] {
    Status status = clear(op);
    if (!status.ok()) return status;
    const Pin gate(handle);
    if (!gate) return no_handle(handle, kGateType);
    if (priority < TIDEGATE_PRIORITY_HIGH || priority > TIDEGATE_PRIORITY_LOW)
      return bad_argument("priority must be one of TIDEGATE_PRIORITY_HIGH to _LOW");
    const Deadline deadline = deadline_in_ms(timeout_ms);
    start_op(
        OpRef(internal::OperationRef::adopt(new OpState(OpState::Gives::kPermit))), nullptr,
        [&] { return gate->gate.acquire(deadline, static_cast<GatePriority>(priority)).state(); },
        op);
    return Status();
  });
}

tidegate_status tidegate_op_permit(const tidegate_op* handle, tidegate_gate_permit** permit,
                                   tidegate_error** err) {
  return guard(err, [&] {
    Status status = clear(permit);
    if (!status.ok()) return status;
    const Pin op(handle);
    if (!op) return no_handle(handle, "tidegate_op");
    status = op->op->status();
    if (!status.ok()) return status;
    auto taken = op->op->take_permit();
    if (!taken.ok()) return taken.status();
    return give(permit, std::make_unique<GatePermitObject>(std::move(*taken)));
  });
}

void tidegate_gate_leave(tidegate_gate_permit* permit, tidegate_cause cause) {
  end_permit(permit, [cause](GatePermit& said) { said.failure(static_cast<Cause>(cause)); });
}

void tidegate_gate_leave_http(tidegate_gate_permit* permit, std::int32_t status,
                              std::int64_t retry_after_ms) {
  std::optional<Duration> retry_after;
  if (retry_after_ms >= 0) retry_after = time_of(retry_after_ms);
  end_permit(permit, [&](GatePermit& said) { said.http_status(status, retry_after); });
}

void tidegate_gate_leave_answer(tidegate_gate_permit* permit, std::int32_t status,
                                const tidegate_header* fields, std::size_t count) {
  end_permit(permit, [&](GatePermit& said) {
    Headers headers;
    for (std::size_t i = 0; fields && i < count; ++i) {
      if (fields[i].name && fields[i].value) headers.add(fields[i].name, fields[i].value);
    }
    said.answered(status, headers);
  });
}

void tidegate_gate_timed(tidegate_gate_permit* handle, std::int64_t timeout_ms,
                         std::int64_t took_ms) {
  guard_value(0, [&] {
    const Pin permit(handle);
    if (permit) permit->permit.timed(time_of(timeout_ms), time_of(took_ms));
    return 0;
  });
}

tidegate_status tidegate_gate_penalize(tidegate_gate* handle, std::int64_t time_ms,
                                       tidegate_error** err) {
  return guard(err, [&] {
    const Pin gate(handle);
    if (!gate) return no_handle(handle, kGateType);
    gate->gate.penalize(time_of(time_ms));
    return Status();
  });
}

tidegate_status tidegate_gate_force(tidegate_gate* handle, tidegate_breaker_mode mode,
                                    tidegate_error** err) {
  return guard(err, [&] {
    const Pin gate(handle);
    if (!gate) return no_handle(handle, kGateType);
    return force(gate->gate, mode);
  });
}

tidegate_status tidegate_gate_stats(tidegate_gate* handle, tidegate_gate_counts* counts,
                                    tidegate_error** err) {
  return guard(err, [&] {
    if (!counts) return bad_argument("there is no place for the counts: it is NULL");
    const Pin gate(handle);
    if (!gate) return no_handle(handle, kGateType);
    const GateStats stats = gate->gate.stats();
    tidegate_gate_counts values = TIDEGATE_GATE_COUNTS_INIT;
    values.granted = stats.granted;
    values.refused = stats.refused;
    values.circuit_open = stats.circuit_open;
    values.penalties = stats.penalties;
    values.waiting = stats.waiting;
    values.inside = stats.inside;
    values.concurrency = stats.concurrency;
    values.rate = stats.rate;
    if (stats.breaker) values.state = static_cast<tidegate_breaker_state>(stats.breaker->state);
    return write_struct(values, counts);
  });
}
