// SPDX-License-Identifier: Apache-2.0
//
// TypedCache<V>: values that are expensive to get, kept for a while. Cache is the one of bytes.
//
//   tidegate::TypedCache<Prices> cache(tidegate::CacheOptions().ttl(5min).stale_for(1h));
//   auto prices = cache.get_or_load("prices:audi", load_prices).wait();
//   if (prices.ok()) show(prices->value, prices->source, prices->age);
//
// What it promises
//   * One load for all who want a key at the same time, and one outcome for all of them, errors
//     too. A caller that gives up, by its deadline or a cancel, stops nobody else: the load belongs
//     to the cache and ends by `load_timeout`.
//   * A value is fresh for its `ttl` (drawn within `jitter`, so that what was loaded together does
//     not end together) and then kept for `stale_for`: it answers, marked kStale with the reason,
//     where the load fails, failed less than `failure_throttle` ago, takes longer than
//     `soft_timeout`, or longer than the caller's deadline. Never longer.
//   * Whoever asks after invalidate() or invalidate_all() gets nothing that was loaded before, also
//     not from a load that was under way; in another process, once that has heard of it.
//   * It never holds more than `max_entries` and `max_bytes`. What is wanted often stays
//     (Clock-TinyLFU: a FIFO window, a CLOCK of two bits, and a frequency sketch for admission), so
//     that a scan does not wash it out. Keys are compared whole; their hash is seeded.
//
// Thread-safety: everything, from any thread. Cost: a hit by get() is a hash, a lock of one of many
// shards and a copy of V, together about 50 ns for a small V, and more where the entry has to come
// from memory; copies of V should be cheap, so make a large one a std::shared_ptr<const T>.
// get_or_load() of a fresh value makes an operation that has ended already.
//
// After fork() a cache made before works in the child, empty. Destroying a cache with loads in
// flight is legal: who waits has its answer, and what comes later goes nowhere.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "tidegate/answer.hpp"
#include "tidegate/config.hpp"
#include "tidegate/load.hpp"

namespace tidegate {

// How a cache decides what to forget first when it is full.
enum class Eviction {
  kClockTinyLfu,  // what is wanted rarely
  kStrictLru,     // what has not been wanted for longest, exactly; one shard
};

class CacheOptions {
 public:
  struct Values {
    std::string name = "cache";
    Duration ttl = std::chrono::seconds(60);
    Duration stale_for = std::chrono::hours(1);
    Duration negative_ttl = std::chrono::seconds(5);
    Duration failure_throttle = std::chrono::seconds(5);
    Duration error_ttl{};
    Duration load_timeout = std::chrono::seconds(15);
    std::optional<Duration> soft_timeout;
    double jitter = 0.1;
    double refresh_ahead = 0;
    bool sliding = false;
    std::size_t max_entries = 100'000;
    std::size_t max_bytes = std::size_t{64} << 20;
    std::size_t loaders = 16;
    Eviction eviction = Eviction::kClockTinyLfu;
    std::string redis;
    Duration redis_timeout = std::chrono::milliseconds(50);
    std::size_t loaders_without_redis = 4;
  };

  // For stats() and messages. Caches of one name in a process count together.
  CacheOptions& name(std::string name);
  CacheOptions& ttl(Duration ttl);
  CacheOptions& stale_for(Duration stale_for);
  CacheOptions& negative_ttl(Duration ttl);
  // How long after a failed load a stale value answers at once, without the next attempt.
  CacheOptions& failure_throttle(Duration time);
  // The same for keys that have no stale value: their error answers at once. Zero: every call tries.
  CacheOptions& error_ttl(Duration ttl);
  // When a load is given up, whoever waits for it.
  CacheOptions& load_timeout(Duration timeout);
  // How long a caller waits for a load where a stale value is there. Zero: not at all (stale while
  // revalidating). Not set: to its own deadline.
  CacheOptions& soft_timeout(Duration timeout);
  // 0 to 0.5: a ttl is drawn from [1 - jitter, 1 + jitter] times itself.
  CacheOptions& jitter(double share);
  // 0 to 1: the first hit after this share of the ttl answers at once and reloads behind. 0: never.
  CacheOptions& refresh_ahead(double share);
  // A hit makes the value fresh for its ttl again, and puts off its end by as much: what is wanted more
  // often than its ttl is not loaded again, unless `refresh_ahead` says so. What came from Redis does
  // not slide.
  CacheOptions& sliding(bool on);
  CacheOptions& max_entries(std::size_t entries);
  CacheOptions& max_bytes(std::size_t bytes);
  CacheOptions& loaders(std::size_t at_once);
  CacheOptions& eviction(Eviction policy);
  // "redis://:password@host:6379/0": values are shared with all processes whose cache has the same
  // name there (docs/concepts/cache.md). Needs a CacheCodec (load.hpp). Empty: not shared.
  CacheOptions& redis(std::string url);
  // The longest that a caller waits for Redis before its load begins.
  CacheOptions& redis_timeout(Duration timeout);
  // At most so many loads at a time while Redis is down, so that its outage does not become that of
  // what the loaders ask; the others wait in line.
  CacheOptions& loaders_without_redis(std::size_t at_once);

  // The settings cache.*; the cache of a service has its name.
  static CacheOptions from(const Config& config);
  static CacheOptions from(const Service& service);

  const Values& values() const noexcept { return values_; }

 private:
  Values values_;
};

// A URL for CacheOptions::redis() as it may be shown: "redis://***@host:6379/0". kConfig where it is
// none or asks for what is not supported; the sentence says what to write, and nothing secret.
Result<std::string> redacted_redis_url(std::string_view url);

// What one call of get_or_load() wants otherwise than its cache.
class LoadOptions {
 public:
  // From the call; not set: to `load_timeout`.
  LoadOptions& timeout(Duration timeout) {
    deadline_ = deadline_.earlier(Deadline::after(timeout));
    return *this;
  }
  // An absolute bound, for example a page's; the earlier of the two counts.
  LoadOptions& deadline(Deadline deadline) {
    deadline_ = deadline_.earlier(deadline);
    return *this;
  }
  LoadOptions& ttl(Duration ttl) {
    ttl_ = ttl;
    return *this;
  }
  LoadOptions& stale_for(Duration stale_for) {
    stale_for_ = stale_for;
    return *this;
  }
  LoadOptions& soft_timeout(Duration timeout) {
    soft_timeout_ = timeout;
    return *this;
  }

  Deadline deadline() const noexcept { return deadline_; }
  const std::optional<Duration>& ttl() const noexcept { return ttl_; }
  const std::optional<Duration>& stale_for() const noexcept { return stale_for_; }
  const std::optional<Duration>& soft_timeout() const noexcept { return soft_timeout_; }

 private:
  Deadline deadline_;
  std::optional<Duration> ttl_;
  std::optional<Duration> stale_for_;
  std::optional<Duration> soft_timeout_;
};

// Since the cache was made in this process.
struct CacheStats {
  std::uint64_t hits = 0, stale_hits = 0, misses = 0, puts = 0, refused = 0;
  std::uint64_t evicted = 0, expired = 0;
  std::size_t entries = 0, bytes = 0;

  // Of Redis; caches of one name in a process count together.
  struct Tier {
    std::uint64_t hits = 0, stale_hits = 0, misses = 0;
    std::uint64_t stored = 0, refused = 0, failed = 0, dropped = 0;
    std::uint64_t invalidations_sent = 0, invalidations_heard = 0;
    std::size_t pending_stores = 0, pending_invalidations = 0, waiting_loads = 0;
    bool up = false;
  } tier;
};

// Reloads a key every now and then, until it is stopped or goes. See TypedCache::refresh_every().
class CacheRefresh {
 public:
  // Internal: how it is stopped.
  class Job {
   public:
    virtual ~Job() = default;
    virtual void stop() noexcept = 0;
  };

  CacheRefresh() noexcept = default;
  explicit CacheRefresh(std::shared_ptr<Job> job) noexcept : job_(std::move(job)) {}
  CacheRefresh(CacheRefresh&&) noexcept = default;
  CacheRefresh& operator=(CacheRefresh&& other) noexcept {
    stop();
    job_ = std::move(other.job_);
    return *this;
  }
  ~CacheRefresh() { stop(); }

  // A load that is under way goes on.
  void stop() noexcept {
    if (const auto job = std::exchange(job_, nullptr)) job->stop();
  }

 private:
  std::shared_ptr<Job> job_;
};

namespace internal {

class CacheHome;

// What a lookup found, with a reference to its value.
struct CacheHit {
  CacheValue* value = nullptr;
  Source source = Source::kFresh;
  bool is_due = false;  // fresh, and late enough in its ttl for a load ahead
  Duration age{};
  std::uint64_t version = 0;
  Timings timings;
  Status reason;
};

// A call that looks several times is counted once, for the look that ends it.
enum class Look : std::uint8_t {
  kGlance,  // what is not fresh, or is due for a load ahead, is looked up again
  kFirst,   // what is not fresh is looked up again
  kLast,
};

// The place of a lookup's result; its type is known to the caller alone.
class HitResult {
 public:
  virtual ~HitResult() = default;
  virtual void deliver(Result<CacheHit> hit) noexcept = 0;  // takes the reference over
  virtual const void* result() const noexcept = 0;
};

std::shared_ptr<CacheHome> make_cache(const CacheOptions& options, bool has_codec);
Status status(CacheHome& cache);
OperationRef get_or_load(CacheHome& cache, std::string key, std::shared_ptr<Loader> loader,
                         const LoadOptions& options, std::unique_ptr<HitResult> place);
std::optional<CacheHit> get(CacheHome& cache, std::string_view key, bool stale_too,
                            Look look = Look::kLast) noexcept;
bool wants_encoded(CacheHome& cache) noexcept;
// The fresh value alone, with a reference; null where there is none. The least that a hit can cost.
CacheValue* get_fresh(CacheHome& cache, std::string_view key, bool* is_due,
                      Look look = Look::kLast) noexcept;
std::uint64_t put(CacheHome& cache, std::string_view key, CacheValue* value, std::size_t weight,
                  std::optional<Encoded> encoded, const LoadOptions& options);
bool invalidate(CacheHome& cache, std::string_view key, std::uint64_t version, bool keeps_stale);
void invalidate_all(CacheHome& cache, bool keeps_stale);
CacheRefresh refresh_every(CacheHome& cache, std::string key, std::shared_ptr<Loader> loader,
                           Duration period, const LoadOptions& options);
CacheStats stats(CacheHome& cache);
// Every value that is kept in this process, also where it is over, under the store's locks.
void for_each_value(CacheHome& cache, const std::function<void(const CacheValue&)>& visit);

template <class V>
Answer<V> take_answer(CacheHit hit) {
  Answer<V> answer(TypedValue<V>::of(*hit.value), hit.source, hit.timings, std::move(hit.reason));
  answer.age = hit.age;
  answer.version = hit.version;
  hit.value->unref();
  return answer;
}

template <class V>
class TypedHitResult final : public HitResult {
 public:
  void deliver(Result<CacheHit> hit) noexcept override {
    if (hit.ok()) {
      result_.emplace(take_answer<V>(std::move(hit).value()));
    } else {
      result_.emplace(hit.status());
    }
  }
  const void* result() const noexcept override { return &*result_; }

 private:
  std::optional<Result<Answer<V>>> result_;
};

}  // namespace internal

// A handle; copies name the same cache.
template <class V>
class TypedCache {
 public:
  explicit TypedCache(const CacheOptions& options = {})
      : home_(internal::make_cache(options, internal::HasCodec<V>)) {}

  // OK, or why it cannot work: a URL that is none, or redis() for a V without a CacheCodec. Then
  // every load ends with it, and nothing is kept.
  Status status() const { return internal::status(*home_); }

  // The value of `key`: fresh from the cache, else by its load. See LoadContext for what a loader is.
  // Never blocks. A cancel gives up this wait only.
  template <class F>
  Operation<Answer<V>> get_or_load(std::string key, F loader,
                                   const LoadOptions& options = {}) const {
    return Operation<Answer<V>>(internal::get_or_load(
        *home_, std::move(key), std::make_shared<internal::TypedLoader<V, F>>(std::move(loader)),
        options, std::make_unique<internal::TypedHitResult<V>>()));
  }

  // The fresh value that is there; nothing is loaded.
  std::optional<Answer<V>> get(std::string_view key) const { return answer_of(key, false); }
  // The value that is there, fresh or stale.
  std::optional<Answer<V>> peek(std::string_view key) const { return answer_of(key, true); }

  // Stores a value; its version, or 0 where it was refused because it is too large for the cache.
  std::uint64_t put(std::string_view key, V value, const LoadOptions& options = {}) const {
    const std::size_t weight = weight_of(value);
    std::optional<internal::Encoded> bytes;
    if (internal::wants_encoded(*home_)) bytes = internal::encoded(value);
    return internal::put(*home_, key, new internal::TypedValue<V>(std::move(value)), weight,
                         std::move(bytes), options);
  }

  // Forgets a key. With a version, only if that is the one that is there: of many who saw the same
  // bad value, the first forgets it, and the others leave its successor alone.
  bool invalidate(std::string_view key, std::uint64_t version = 0) const {
    return internal::invalidate(*home_, key, version, false);
  }
  // Forgets all, at once whatever their number.
  void invalidate_all() const { internal::invalidate_all(*home_, false); }

  // As the two above, but what is there stays as a stale value: who asks next waits for a load, and
  // has the stale one only where that fails or takes too long, or where one has failed within
  // `failure_throttle`: then it answers at once.
  bool expire(std::string_view key, std::uint64_t version = 0) const {
    return internal::invalidate(*home_, key, version, true);
  }
  void expire_all() const { internal::invalidate_all(*home_, true); }

  // Loads `key` now and then every `period` (drawn within a tenth), whoever wants it, until the
  // handle is stopped or goes. A run joins a load that is under way, and takes a value that another
  // process has loaded less than half a period ago; one that fails does not end the others. It does
  // not run in a forked child.
  template <class F>
  [[nodiscard]] CacheRefresh refresh_every(std::string key, F loader, Duration period,
                                           const LoadOptions& options = {}) const {
    return internal::refresh_every(*home_, std::move(key),
                                   std::make_shared<internal::TypedLoader<V, F>>(std::move(loader)),
                                   period, options);
  }

  CacheStats stats() const { return internal::stats(*home_); }

  // Internal.
  internal::CacheHome& home() const noexcept { return *home_; }

 private:
  std::optional<Answer<V>> answer_of(std::string_view key, bool stale_too) const {
    auto hit = internal::get(*home_, key, stale_too);
    if (!hit) return std::nullopt;
    return internal::take_answer<V>(std::move(*hit));
  }

  std::shared_ptr<internal::CacheHome> home_;
};

using Cache = TypedCache<Bytes>;

}  // namespace tidegate
