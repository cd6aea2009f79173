// SPDX-License-Identifier: Apache-2.0
#include "cache/core.hpp"

#include <algorithm>
#include <new>
#include <utility>

#include "base/ports/rng.hpp"
#include "cache/envelope.hpp"
#include "cache/tier.hpp"

namespace tidegate::internal {

namespace {

// Values of the tier may be older than the process.
constexpr Duration kOldest = std::chrono::hours(24 * 365);

Duration ttl_of(const Loaded& loaded, const EntryOptions& entry) noexcept {
  return loaded.ttl.value_or(loaded.negative ? entry.negative_ttl : entry.ttl);
}

Duration stale_for_of(const Loaded& loaded, const EntryOptions& entry) noexcept {
  return loaded.negative ? Duration::zero() : loaded.stale_for.value_or(entry.stale_for);
}

}  // namespace

CacheCore::CacheCore(CacheSettings settings, Loop& loop, const Clock& clock)
    : settings_(std::move(settings)),
      loop_(loop),
      clock_(clock),
      metrics_(settings_.name),
      store_(settings_.store, clock.now() - kOldest),
      draws_(settings_.seed) {}

CacheCore::~CacheCore() {
  if (tier_) Tier::retire(std::move(tier_));
}

CacheStats CacheCore::stats() const {
  CacheStats stats = store_.stats();
  if (tier_) tier_->count(stats);
  return stats;
}

// Each draw is a generator of its own, so that threads share nothing but a counter.
Duration CacheCore::jittered(Duration ttl, double jitter) noexcept {
  if (jitter <= 0) return ttl;
  Rng rng(draws_.fetch_add(1, std::memory_order_relaxed));
  const double factor = 1 + jitter * (2 * rng.fraction() - 1);
  return Duration(static_cast<std::int64_t>(static_cast<double>(ttl.count()) * factor));
}

Lifetime CacheCore::lifetime_of(const Loaded& loaded, const EntryOptions& entry,
                                TimePoint now) noexcept {
  const bool is_restored = loaded.age.has_value();
  Duration ttl = ttl_of(loaded, entry);
  if (is_restored) ttl = std::min(ttl, loaded.negative ? entry.negative_ttl : entry.ttl);
  const Duration fresh = is_restored ? ttl : jittered(ttl, entry.jitter);
  const TimePoint fresh_until = Deadline::after(fresh, now).time();
  return {.fresh_until = fresh_until,
          .stale_until = Deadline::after(stale_for_of(loaded, entry), fresh_until).time(),
          .sliding = entry.sliding && !is_restored ? ttl : Duration::zero()};
}

std::uint64_t CacheCore::keep(std::string_view key, std::uint64_t hash, const Loaded& loaded,
                              const EntryOptions& entry, const Fence* fence) noexcept {
  const TimePoint when = now();
  try {
    return store_.put(key, hash,
                      {.value = loaded.value,
                       .life = lifetime_of(loaded, entry, when),
                       .now = when,
                       .weight = loaded.weight,
                       .flags = loaded.negative ? kNegative : std::uint8_t{0},
                       .fence = fence,
                       .made_at = when - loaded.age.value_or(Duration::zero())});
  } catch (const std::bad_alloc&) {
    return 0;  // those who wait have the value all the same
  }
}

std::uint64_t CacheCore::publish(Load& load, const Loaded& loaded) noexcept {
  if (loaded.uncached) return 0;
  return keep(load.key(), load.hash(), loaded, load.entry(), &load.fence());
}

bool CacheCore::publish_stale(const Load& load, Ref<CacheValue> value, std::size_t weight,
                              Duration since) noexcept {
  const TimePoint when = now();
  const StoredValue& stored = *load.stored();
  const TimePoint end = Deadline::after(stored.stale_left - since, when).time();
  try {
    return store_.put(load.key(), load.hash(),
                      {.value = std::move(value),
                       .life = {.fresh_until = when, .stale_until = end},
                       .now = when,
                       .weight = weight,
                       .fence = &load.fence(),
                       .made_at = when - stored.age - since,
                       .is_interim = true}) != 0;
  } catch (const std::bad_alloc&) {
    return false;
  }
}

std::uint64_t CacheCore::put(std::string_view key, const Loaded& loaded,
                             const EntryOptions& entry) noexcept {
  const std::uint64_t version = keep(key, store_.hash(key), loaded, entry, nullptr);
  if (!tier_ || !loaded.encoded) return version;
  std::string sealed = seal_for_tier(key, loaded, entry, version);
  try {
    if (!sealed.empty()) {
      tier_->put(key, std::move(sealed), life_in_tier(loaded, entry));
      return version;
    }
  } catch (const std::bad_alloc&) {
    tier_->metrics().dropped.add();
  }
  try {
    tier_->forget(key, true);  // what is there must not hide it
  } catch (const std::bad_alloc&) {
    tier_->metrics().dropped.add();
  }
  return version;
}

// Void in the tier first: a load that begins after the erase must find it so. One that began before
// is past the erase, and does not store what it found.
bool CacheCore::invalidate(std::string_view key, std::uint64_t version, bool keeps_stale) {
  const auto forget_here = [&](std::uint64_t which) {
    return keeps_stale ? store_.expire(key, which) : store_.erase(key, which);
  };
  if (!tier_) return forget_here(version);
  if (version != 0 && !forget_here(version)) return false;
  tier_->forget(key, keeps_stale);
  return forget_here(0) || version != 0;
}

void CacheCore::invalidate_all(bool keeps_stale) {
  if (tier_) tier_->forget_everything(keeps_stale);
  keeps_stale ? store_.expire_all() : store_.new_epoch();
}

Duration CacheCore::life_in_tier(const Loaded& loaded, const EntryOptions& entry) noexcept {
  return Deadline::after(stale_for_of(loaded, entry), TimePoint(ttl_of(loaded, entry)))
      .time()
      .time_since_epoch();
}

std::string CacheCore::seal_for_tier(std::string_view key, const Loaded& loaded,
                                     const EntryOptions& entry, std::uint64_t version) noexcept
    try {
  auto sealed = seal({.key = key,
                      .payload = loaded.encoded->payload,
                      .negative = loaded.negative,
                      .codec = loaded.encoded->codec,
                      .stale_window = stale_for_of(loaded, entry),
                      .life = life_in_tier(loaded, entry),
                      .version = version},
                     tier_->max_value());
  if (sealed.ok()) return std::move(sealed).value();
  tier_->metrics().dropped.add();
  return {};
} catch (const std::bad_alloc&) {
  tier_->metrics().dropped.add();
  return {};
}

Duration CacheCore::due_at(const Found& hit) const noexcept {
  if (settings_.refresh_ahead <= 0) return Duration::max();
  const Duration ttl = hit.fresh_until - hit.stored_at;
  return Duration(
      static_cast<std::int64_t>(static_cast<double>(ttl.count()) * settings_.refresh_ahead));
}

// Of all hits that find the entry due, one claims it.
void CacheCore::refresh(std::string_view key, const Found& hit,
                        const std::shared_ptr<CacheLoader>& loader, const EntryOptions& entry) {
  struct Request final : Message {
    void run() noexcept override {
      const std::unique_ptr<Request> gone(this);
      try {
        if (core->flight_of(key) || core->recent_failure(key, true)) return;
        core->open_flight(std::move(key), std::move(loader), entry, max_age);
        core->metrics().refreshes.add();
      } catch (const std::bad_alloc&) {
        return;  // the next due hit of the next version tries again
      }
    }
    std::shared_ptr<CacheCore> core;
    std::string key;
    std::shared_ptr<CacheLoader> loader;
    EntryOptions entry;
    Duration max_age;  // what others have is not due itself
  };
  if (!store_.claim(key, store_.hash(key), hit.version)) return;
  auto request = std::make_unique<Request>();
  request->core = shared_from_this();
  request->key = key;
  request->loader = loader;
  request->entry = entry;
  request->max_age = due_at(hit);
  if (loop_.post(*request)) static_cast<void>(request.release());
}

Ref<Flight> CacheCore::flight_of(std::string_view key) const {
  const auto known = flights_.find(key);
  const bool counts = known != flights_.end() && known->second->fence().stands();
  return counts ? Ref<Flight>::share(known->second) : Ref<Flight>();
}

Ref<Flight> CacheCore::open_flight(std::string key, std::shared_ptr<CacheLoader> loader,
                                   const EntryOptions& entry, Duration max_age) {
  auto flight = Ref<Flight>::adopt(
      new Flight(shared_from_this(), std::move(key), std::move(loader), entry, max_age));
  flights_.erase(flight->key());  // one whose fence was lowered; it lands for those who wait for it
  flights_.emplace(flight->key(), flight.get());
  try {
    flight->take_off();
  } catch (const std::bad_alloc&) {
    flights_.erase(flight->key());
    throw;
  }
  metrics_.flights.add(1);
  metrics_.loads.add();
  return flight;
}

void CacheCore::flight_landed(const Flight& flight) noexcept {
  const auto known = flights_.find(flight.key());
  if (known != flights_.end() && known->second == &flight) flights_.erase(known);
  metrics_.flights.add(-1);
  metrics_.landed(flight.status());
  metrics_.load_time.record(loop_.now() - flight.begun());
  if (flight.status().ok()) {
    failures_.forget(flight.key());
  } else if (flight.status().cause() != Cause::kClosed) {
    try {
      failures_.add(flight.key(), flight.remembered(), loop_.now());
    } catch (const std::bad_alloc&) {
      return;  // the next caller tries again
    }
  }
}

const Status* CacheCore::recent_failure(std::string_view key, bool has_stale) const {
  return failures_.find(key, loop_.now(), has_stale ? settings_.throttle : settings_.error_ttl);
}

}  // namespace tidegate::internal
