// SPDX-License-Identifier: Apache-2.0
#include "cache/core.hpp"

#include <new>
#include <utility>

#include "base/ports/rng.hpp"

namespace tidegate::internal {

CacheCore::CacheCore(CacheSettings settings, Loop& loop, const Clock& clock)
    : settings_(std::move(settings)),
      loop_(loop),
      clock_(clock),
      metrics_(settings_.name),
      store_(settings_.store, clock.now()),
      draws_(settings_.seed) {}

Found CacheCore::find(std::string_view key, std::uint64_t hash, TimePoint now) noexcept {
  return store_.find(key, hash, now);
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
  const Duration ttl = loaded.ttl.value_or(loaded.negative ? entry.negative_ttl : entry.ttl);
  const Duration stale_for =
      loaded.negative ? Duration::zero() : loaded.stale_for.value_or(entry.stale_for);
  const TimePoint fresh_until = Deadline::after(jittered(ttl, entry.jitter), now).time();
  return {.fresh_until = fresh_until,
          .stale_until = Deadline::after(stale_for, fresh_until).time(),
          .sliding = entry.sliding ? ttl : Duration::zero()};
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
                       .fence = fence});
  } catch (const std::bad_alloc&) {
    return 0;  // those who wait have the value all the same
  }
}

std::uint64_t CacheCore::publish(Load& load, const Loaded& loaded) noexcept {
  if (loaded.uncached) return 0;
  return keep(load.key(), load.hash(), loaded, load.entry(), &load.fence());
}

std::uint64_t CacheCore::put(std::string_view key, const Loaded& loaded,
                             const EntryOptions& entry) noexcept {
  return keep(key, store_.hash(key), loaded, entry, nullptr);
}

bool CacheCore::is_due(const Found& hit, TimePoint now) const noexcept {
  if (settings_.refresh_ahead <= 0) return false;
  const Duration ttl = hit.fresh_until - hit.stored_at;
  const auto due = static_cast<double>(ttl.count()) * settings_.refresh_ahead;
  return static_cast<double>((now - hit.stored_at).count()) >= due;
}

// Of all hits that find the entry due, one claims it.
void CacheCore::refresh(std::string_view key, const Found& hit,
                        const std::shared_ptr<CacheLoader>& loader, const EntryOptions& entry) {
  struct Request final : Message {
    void run() noexcept override {
      const std::unique_ptr<Request> gone(this);
      try {
        if (core->flight_of(key) || core->recent_failure(key, true)) return;
        core->open_flight(std::move(key), std::move(loader), entry);
        core->metrics().refreshes.add();
      } catch (const std::bad_alloc&) {
        return;  // the next due hit of the next version tries again
      }
    }
    std::shared_ptr<CacheCore> core;
    std::string key;
    std::shared_ptr<CacheLoader> loader;
    EntryOptions entry;
  };
  if (!store_.claim(key, store_.hash(key), hit.version)) return;
  auto request = std::make_unique<Request>();
  request->core = shared_from_this();
  request->key = key;
  request->loader = loader;
  request->entry = entry;
  if (loop_.post(*request)) static_cast<void>(request.release());
}

Ref<Flight> CacheCore::flight_of(std::string_view key) const {
  const auto known = flights_.find(key);
  const bool counts = known != flights_.end() && known->second->fence().stands();
  return counts ? Ref<Flight>::share(known->second) : Ref<Flight>();
}

Ref<Flight> CacheCore::open_flight(std::string key, std::shared_ptr<CacheLoader> loader,
                                   const EntryOptions& entry) {
  auto flight =
      Ref<Flight>::adopt(new Flight(shared_from_this(), std::move(key), std::move(loader), entry));
  flights_.erase(flight->key());  // one whose fence was lowered; it lands for those who wait for it
  flights_.emplace(flight->key(), flight.get());
  flight->take_off();
  metrics_.flights.add(1);
  metrics_.loads.add();
  return flight;
}

void CacheCore::flight_landed(const Flight& flight) {
  const auto known = flights_.find(flight.key());
  if (known != flights_.end() && known->second == &flight) flights_.erase(known);
  metrics_.flights.add(-1);
  metrics_.landed(flight.status());
  metrics_.load_time.record(loop_.now() - flight.begun());
  if (flight.status().ok()) {
    failures_.forget(flight.key());
  } else if (flight.status().cause() != Cause::kClosed) {
    failures_.add(flight.key(), flight.status(), loop_.now());
  }
}

const Status* CacheCore::recent_failure(std::string_view key, bool has_stale) const {
  return failures_.find(key, loop_.now(), has_stale ? settings_.throttle : settings_.error_ttl);
}

}  // namespace tidegate::internal
