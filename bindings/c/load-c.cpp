// SPDX-License-Identifier: Apache-2.0
#include <chrono>

#include "cache.hpp"
#include "guard.hpp"
#include "objects.hpp"

namespace tidegate::c {
namespace {

constexpr char kLoadType[] = "tidegate_load";

// `say(LoadContext&)` of the load, while it has no answer.
template <class Say>
tidegate_status say(tidegate_load* handle, Say what) {
  return guard(nullptr, [&] {
    const Pin load(handle);
    return load ? load->say(what) : no_handle(handle, kLoadType);
  });
}

// `set(LoadContext&, Duration)` likewise, with a time of up to a year.
template <class Set>
tidegate_status set_time(tidegate_load* handle, std::int64_t time_ms, Set set) {
  return say(handle, [&](LoadContext& load) {
    if (time_ms < 0 || time_ms > kMostLifeMs) {
      return bad_argument("the time must be from 0 to 31536000000: a year");
    }
    set(load, std::chrono::milliseconds(time_ms));
    return Status();
  });
}

// What a loader of the user's says went wrong.
Status failure(tidegate_cause cause, const char* message) {
  const Cause known = cause_info(static_cast<Cause>(cause)).cause;
  return Status(known == Cause::kNone ? Cause::kCallableFailed : known, message ? message : "");
}

}  // namespace
}  // namespace tidegate::c

using namespace tidegate;     // NOLINT(google-build-using-namespace)
using namespace tidegate::c;  // NOLINT(google-build-using-namespace)

const char* tidegate_load_key(const tidegate_load* handle) {
  const LoadObject* load = peek(handle);
  return load ? load->key().c_str() : "";
}

int tidegate_load_stopped(const tidegate_load* handle) {
  const LoadObject* load = peek(handle);
  return !load || load->stopped() ? 1 : 0;
}

int64_t tidegate_load_left_ms(const tidegate_load* handle) {
  const LoadObject* load = peek(handle);
  return load ? to_ms(load->deadline().left()) : 0;
}

tidegate_status tidegate_load_set_ttl_ms(tidegate_load* load, int64_t ttl_ms) {
  return set_time(load, ttl_ms, [](LoadContext& to, Duration ttl) { to.ttl(ttl); });
}

tidegate_status tidegate_load_set_stale_for_ms(tidegate_load* load, int64_t stale_for_ms) {
  return set_time(load, stale_for_ms, [](LoadContext& to, Duration time) { to.stale_for(time); });
}

tidegate_status tidegate_load_set_negative(tidegate_load* load) {
  return say(load, [](LoadContext& context) {
    context.negative();
    return Status();
  });
}

tidegate_status tidegate_load_set_uncached(tidegate_load* load) {
  return say(load, [](LoadContext& context) {
    context.uncached();
    return Status();
  });
}

tidegate_status tidegate_load_set_degraded(tidegate_load* load, tidegate_cause cause,
                                           const char* message) {
  return say(load, [&](LoadContext& context) {
    context.degraded(failure(cause, message));
    return Status();
  });
}

tidegate_status tidegate_load_set_weight(tidegate_load* load, size_t bytes) {
  return say(load, [&](LoadContext& context) {
    context.weight(bytes);
    return Status();
  });
}

tidegate_status tidegate_load_succeed(tidegate_load* handle, const tidegate_bytes* value) {
  return guard(nullptr, [&] {
    const Pin load(handle);
    if (!load) return no_handle(handle, kLoadType);
    const Pin bytes(value);
    if (!bytes) return no_handle(value, "tidegate_bytes");
    return load->succeed(bytes->blob->bytes());
  });
}

tidegate_status tidegate_load_fail(tidegate_load* handle, tidegate_cause cause,
                                   const char* message) {
  return guard(nullptr, [&] {
    const Pin load(handle);
    if (!load) return no_handle(handle, kLoadType);
    return load->fail(failure(cause, message));
  });
}

tidegate_status tidegate_load_retain(tidegate_load* load) {
  return guard(nullptr, [&] { return retain(load) ? Status() : no_handle(load, kLoadType); });
}

void tidegate_load_release(tidegate_load* load) { give_back(load); }
