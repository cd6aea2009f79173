// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <cstddef>
#include <string>

#include "answer.hpp"
#include "cache.hpp"
#include "guard.hpp"
#include "objects.hpp"
#include "options.hpp"
#include "settings.hpp"
#include "start.hpp"

namespace tidegate::c {
namespace {

constexpr char kCacheType[] = "tidegate_cache";

// What the options say, but for the page.
Result<LoadOptions> load_options(const tidegate_load_options& given) {
  const auto within = [](std::int64_t time, std::int64_t most) {
    return time >= 0 && time <= most;
  };
  if (!within(given.timeout_ms, kMostTimeoutMs)) {
    return bad_argument("timeout_ms must be 0, or 1 to 86400000: a day");
  }
  if (!within(given.soft_timeout_ms, kMostTimeoutMs)) {
    return bad_argument("soft_timeout_ms must be 0, or 1 to 86400000: a day");
  }
  if (!within(given.ttl_ms, kMostLifeMs) || !within(given.stale_for_ms, kMostLifeMs)) {
    return bad_argument("ttl_ms and stale_for_ms must be 0, or 1 to 31536000000: a year");
  }
  using std::chrono::milliseconds;
  LoadOptions options;
  if (given.timeout_ms) options.timeout(milliseconds(given.timeout_ms));
  if (given.ttl_ms) options.ttl(milliseconds(given.ttl_ms));
  if (given.stale_for_ms) options.stale_for(milliseconds(given.stale_for_ms));
  if (given.soft_timeout_ms) options.soft_timeout(milliseconds(given.soft_timeout_ms));
  if (given.stale_at_once) options.soft_timeout(Duration::zero());
  return options;
}

// `use(cache)` of a handle and a key that are there.
template <class Use>
Status with_cache(const tidegate_cache* handle, const char* key, Use use) {
  const Pin cache(handle);
  if (!cache) return no_handle(handle, kCacheType);
  if (!key) return bad_argument("the key is NULL");
  return use(cache->cache);
}

// What is counted of Redis is counted by name, for both.
void add_own(const CacheStats& more, CacheStats& stats) {
  stats.hits += more.hits;
  stats.stale_hits += more.stale_hits;
  stats.misses += more.misses;
  stats.puts += more.puts;
  stats.refused += more.refused;
  stats.evicted += more.evicted;
  stats.expired += more.expired;
  stats.entries += more.entries;
  stats.bytes += more.bytes;
}

// A loader of the user's, as the cache takes it. The load is ended through its handle: an empty
// operation never is.
auto loader_of(tidegate_load_fn fn, UserData data) {
  return [loader = std::make_shared<UserLoader>(fn, std::move(data))](LoadContext& context) {
    loader->run(context);
    return Operation<Bytes>();
  };
}

// What `find(cache)` finds, for who wants it.
template <class Find>
Status take(const tidegate_cache* handle, const char* key, tidegate_bytes** value,
            tidegate_answer* answer, Find find) {
  Status ready = clear(value);
  if (!ready.ok()) return ready;
  return with_cache(handle, key, [&](const Cache& cache) {
    const std::optional<Answer<Bytes>> found = find(cache);
    if (!found) return Status();
    Status written = answer ? write_answer(*found, answer) : Status();
    if (!written.ok()) return written;
    return give(value, std::make_unique<BytesObject>(std::make_shared<const Blob>(found->value)));
  });
}

}  // namespace
}  // namespace tidegate::c

using namespace tidegate;     // NOLINT(google-build-using-namespace)
using namespace tidegate::c;  // NOLINT(google-build-using-namespace)

tidegate_status tidegate_cache_create(const tidegate_config* config_handle, const char* name,
                                      tidegate_cache** cache, tidegate_error** err) {
  return guard(err, [&] {
    Status ready = clear(cache);
    if (!ready.ok()) return ready;
    const Pin config(config_handle);
    if (config_handle && !config) return no_handle(config_handle, "tidegate_config");
    if (!name || !*name) return bad_argument("the cache has no name");
    auto options = setting(config ? config->config : Config(), name,
                           [](const auto& source) { return CacheOptions::from(source); });
    auto made = std::make_unique<CacheObject>(options.name(name));
    Status usable = made->cache.status();
    if (!usable.ok()) return usable;
    return give(cache, std::move(made));
  });
}

void tidegate_cache_destroy(tidegate_cache* cache) { give_back(cache); }

tidegate_status tidegate_cache_get_or_load(tidegate_cache* handle, const char* key,
                                           tidegate_load_fn fn, void* user,
                                           tidegate_free_fn user_free,
                                           const tidegate_load_options* given, tidegate_op** op,
                                           tidegate_error** err) {
  return guard(err, [&] {
    UserData data(user, user_free);
    Status status = clear(op);
    if (!status.ok()) return status;
    return with_cache(handle, key, [&](const Cache& cache) {
      if (!fn) return bad_argument("the loader is NULL");
      tidegate_load_options wanted = TIDEGATE_LOAD_OPTIONS_INIT;
      status = read_options(given, wanted);
      if (!status.ok()) return status;
      Result<LoadOptions> options = load_options(wanted);
      if (!options.ok()) return options.status();
      const Pin page(wanted.page);
      if (wanted.page && !page) return no_handle(wanted.page, "options.page");
      if (page) options->deadline(page->deadline);

      const auto load = loader_of(fn, std::move(data));
      start_op(
          OpRef(internal::OperationRef::adopt(new OpState(OpState::Gives::kCached))),
          page ? &*page : nullptr, [&] { return cache.get_or_load(key, load, *options).state(); },
          op);
      return Status();
    });
  });
}

tidegate_status tidegate_cache_refresh_every(tidegate_cache* handle, const char* key,
                                             int64_t period_ms, tidegate_load_fn fn, void* user,
                                             tidegate_free_fn user_free,
                                             const tidegate_load_options* given,
                                             tidegate_refresh** refresh, tidegate_error** err) {
  return guard(err, [&] {
    UserData data(user, user_free);
    Status status = clear(refresh);
    if (!status.ok()) return status;
    return with_cache(handle, key, [&](const Cache& cache) {
      if (!fn) return bad_argument("the loader is NULL");
      if (period_ms < 1 || period_ms > kMostTimeoutMs) {
        return bad_argument("period_ms must be 1 to 86400000: a day");
      }
      tidegate_load_options wanted = TIDEGATE_LOAD_OPTIONS_INIT;
      status = read_options(given, wanted);
      if (!status.ok()) return status;
      const Result<LoadOptions> options = load_options(wanted);
      if (!options.ok()) return options.status();
      return give(refresh, std::make_unique<RefreshObject>(cache.refresh_every(
                               key, loader_of(fn, std::move(data)),
                               std::chrono::milliseconds(period_ms), *options)));
    });
  });
}

void tidegate_refresh_stop(tidegate_refresh* refresh) { give_back(refresh); }

tidegate_status tidegate_cache_get(tidegate_cache* cache, const char* key, tidegate_bytes** value,
                                   tidegate_answer* answer, tidegate_error** err) {
  return guard(err, [&] {
    return take(cache, key, value, answer, [&](const Cache& in) { return in.get(key); });
  });
}

tidegate_status tidegate_cache_peek(tidegate_cache* cache, const char* key, tidegate_bytes** value,
                                    tidegate_answer* answer, tidegate_error** err) {
  return guard(err, [&] {
    return take(cache, key, value, answer, [&](const Cache& in) { return in.peek(key); });
  });
}

tidegate_status tidegate_cache_put(tidegate_cache* handle, const char* key,
                                   const tidegate_bytes* value, const tidegate_load_options* given,
                                   uint64_t* version, tidegate_error** err) {
  return guard(err, [&] {
    if (version) *version = 0;
    return with_cache(handle, key, [&](const Cache& cache) {
      const Pin bytes(value);
      if (!bytes) return no_handle(value, "tidegate_bytes");
      tidegate_load_options wanted = TIDEGATE_LOAD_OPTIONS_INIT;
      Status status = read_options(given, wanted);
      if (!status.ok()) return status;
      const Result<LoadOptions> options = load_options(wanted);
      if (!options.ok()) return options.status();
      const std::uint64_t stored = cache.put(key, bytes->blob->bytes(), *options);
      if (version) *version = stored;
      return Status();
    });
  });
}

tidegate_status tidegate_cache_invalidate(tidegate_cache* handle, const char* key, uint64_t version,
                                          int* forgotten, tidegate_error** err) {
  return guard(err, [&] {
    if (forgotten) *forgotten = 0;
    return with_cache(handle, key, [&](const Cache& cache) {
      const bool was_there = cache.invalidate(key, version);
      if (forgotten) *forgotten = was_there ? 1 : 0;
      return Status();
    });
  });
}

tidegate_status tidegate_cache_invalidate_all(tidegate_cache* handle, tidegate_error** err) {
  return guard(err, [&] {
    const Pin cache(handle);
    if (!cache) return no_handle(handle, kCacheType);
    cache->cache.invalidate_all();
    if (const auto* const rows = cache->rows_if_any()) rows->invalidate_all();
    return Status();
  });
}

tidegate_status tidegate_cache_expire(tidegate_cache* handle, const char* key, int* expired,
                                      tidegate_error** err) {
  return guard(err, [&] {
    if (expired) *expired = 0;
    return with_cache(handle, key, [&](const Cache& cache) {
      const bool was_there = cache.expire(key);
      if (expired) *expired = was_there ? 1 : 0;
      return Status();
    });
  });
}

tidegate_status tidegate_cache_expire_all(tidegate_cache* handle, tidegate_error** err) {
  return guard(err, [&] {
    const Pin cache(handle);
    if (!cache) return no_handle(handle, kCacheType);
    cache->cache.expire_all();
    if (const auto* const rows = cache->rows_if_any()) rows->expire_all();
    return Status();
  });
}

tidegate_status tidegate_cache_stats(tidegate_cache* handle, tidegate_cache_counts* counts,
                                     tidegate_error** err) {
  return guard(err, [&] {
    if (!counts) return bad_argument("there is no place for the counts: it is NULL");
    const Pin cache(handle);
    if (!cache) return no_handle(handle, kCacheType);
    CacheStats stats = cache->cache.stats();
    if (const auto* const rows = cache->rows_if_any()) add_own(rows->stats(), stats);
    tidegate_cache_counts values = TIDEGATE_CACHE_COUNTS_INIT;
    values.hits = stats.hits;
    values.stale_hits = stats.stale_hits;
    values.misses = stats.misses;
    values.puts = stats.puts;
    values.refused = stats.refused;
    values.evicted = stats.evicted;
    values.expired = stats.expired;
    values.entries = stats.entries;
    values.bytes = stats.bytes;
    values.tier_hits = stats.tier.hits;
    values.tier_stale_hits = stats.tier.stale_hits;
    values.tier_misses = stats.tier.misses;
    values.tier_stored = stats.tier.stored;
    values.tier_refused = stats.tier.refused;
    values.tier_failed = stats.tier.failed;
    values.tier_dropped = stats.tier.dropped;
    values.tier_invalidations_sent = stats.tier.invalidations_sent;
    values.tier_invalidations_heard = stats.tier.invalidations_heard;
    values.tier_pending_stores = stats.tier.pending_stores;
    values.tier_pending_invalidations = stats.tier.pending_invalidations;
    values.tier_waiting_loads = stats.tier.waiting_loads;
    values.tier_up = stats.tier.up ? 1 : 0;
    return write_struct(values, counts);
  });
}
