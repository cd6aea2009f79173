// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <memory>

#include "guard.hpp"
#include "limiter.hpp"
#include "options.hpp"
#include "start.hpp"
#include "tidegate/keyed_limiter.hpp"

namespace tidegate::c {

class KeyedLimiterObject final : public Object {
 public:
  explicit KeyedLimiterObject(const KeyedLimiterOptions& options) : limiter(options) {}
  const KeyedLimiter limiter;
};

template <>
struct ObjectOf<tidegate_keyed_limiter> : Behind<KeyedLimiterObject, Kind::kKeyedLimiter> {};

namespace {

constexpr char kKeyedLimiterType[] = "tidegate_keyed_limiter";

Result<KeyedLimiterOptions> keyed_options(const char* name,
                                          const tidegate_keyed_limiter_options* given) {
  tidegate_keyed_limiter_options wanted = TIDEGATE_KEYED_LIMITER_OPTIONS_INIT;
  const Status status = read_options(given, wanted);
  if (!status.ok()) return status;
  const Result<LimiterOptions> limits = limiter_options(wanted.limits);
  if (!limits.ok()) return limits.status();
  KeyedLimiterOptions options(name);
  options.limits(*limits);
  if (wanted.max_keys) options.max_keys(wanted.max_keys);
  if (wanted.key_queue) options.queue_of_key(wanted.key_queue);
  return options;
}

// `use(limiter)` of a handle and a key that are there.
template <class Use>
Status with_key(const tidegate_keyed_limiter* handle, const char* key, Use use) {
  const Pin limiter(handle);
  if (!limiter) return no_handle(handle, kKeyedLimiterType);
  if (!key) return bad_argument("the key is NULL");
  return use(limiter->limiter);
}

}  // namespace
}  // namespace tidegate::c

using namespace tidegate;     // NOLINT(google-build-using-namespace)
using namespace tidegate::c;  // NOLINT(google-build-using-namespace)

tidegate_status tidegate_keyed_limiter_create(const char* name,
                                              const tidegate_keyed_limiter_options* given,
                                              tidegate_keyed_limiter** limiter,
                                              tidegate_error** err) {
  return guard(err, [&] {
    Status status = clear(limiter);
    if (!status.ok()) return status;
    if (!name || !*name) return bad_argument("the limiter has no name");
    const Result<KeyedLimiterOptions> options = keyed_options(name, given);
    if (!options.ok()) return options.status();
    auto made = std::make_unique<KeyedLimiterObject>(*options);
    status = made->limiter.status();
    return status.ok() ? give(limiter, std::move(made)) : status;
  });
}

void tidegate_keyed_limiter_destroy(tidegate_keyed_limiter* limiter) { give_back(limiter); }

// A refusal is told without a Status, which would be allocated.
tidegate_status tidegate_keyed_limiter_try_acquire(tidegate_keyed_limiter* handle, const char* key,
                                                   uint32_t weight, int64_t* retry_after_ms) {
  return guard_value<tidegate_status>(TIDEGATE_RESOURCE_EXHAUSTED, [&]() -> tidegate_status {
    if (retry_after_ms) *retry_after_ms = 0;
    const Pin limiter(handle);
    if (!limiter || !key) return TIDEGATE_INVALID_ARGUMENT;
    const Verdict verdict = limiter->limiter.try_acquire(key, weight);
    if (verdict) return TIDEGATE_OK;
    if (verdict.retry_after() == Duration::max()) return TIDEGATE_INVALID_ARGUMENT;
    if (retry_after_ms) *retry_after_ms = to_ms(verdict.retry_after());
    return TIDEGATE_RESOURCE_EXHAUSTED;
  });
}

tidegate_status tidegate_keyed_limiter_acquire(tidegate_keyed_limiter* handle, const char* key,
                                               uint32_t weight, int64_t timeout_ms,
                                               tidegate_op** op, tidegate_error** err) {
  return guard(err, [&] {
    Status status = clear(op);
    if (!status.ok()) return status;
    return with_key(handle, key, [&](const KeyedLimiter& limiter) {
      const Deadline deadline = deadline_in_ms(timeout_ms);
      start_op(
          OpRef(internal::OperationRef::adopt(new OpState(OpState::Gives::kTurn))), nullptr,
          [&] { return limiter.acquire(key, deadline, weight).state(); }, op);
      return Status();
    });
  });
}

tidegate_status tidegate_keyed_limiter_penalize(tidegate_keyed_limiter* handle, const char* key,
                                                int64_t time_ms, tidegate_error** err) {
  return guard(err, [&] {
    return with_key(handle, key, [&](const KeyedLimiter& limiter) {
      limiter.penalize(key, time_of(time_ms));
      return Status();
    });
  });
}

tidegate_status tidegate_keyed_limiter_stats(tidegate_keyed_limiter* handle,
                                             tidegate_keyed_limiter_counts* counts,
                                             tidegate_error** err) {
  return guard(err, [&] {
    const Pin limiter(handle);
    if (!limiter) return no_handle(handle, kKeyedLimiterType);
    if (!counts) return bad_argument("there is no place for the counts: it is NULL");
    const KeyedLimiterStats stats = limiter->limiter.stats();
    tidegate_keyed_limiter_counts values = TIDEGATE_KEYED_LIMITER_COUNTS_INIT;
    values.granted = stats.granted;
    values.refused = stats.refused;
    values.lost = stats.lost;
    values.penalties = stats.penalties;
    values.waiting = stats.waiting;
    values.keys = stats.keys;
    values.forgotten = stats.forgotten;
    values.crowded = stats.crowded;
    return write_struct(values, counts);
  });
}
