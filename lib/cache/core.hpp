// SPDX-License-Identifier: Apache-2.0
//
// CacheCore: one cache in one process: the store, the flights that fill it, and the rules between
// them. It knows neither the type of its values nor where they come from.
//
//   a hit       find(), on the caller's thread
//   a miss      Lookup (lookup.hpp) goes to the loop, joins or opens a Flight, and waits for it
//   a value     publish(), on the thread that made it
//
// Thread-safety: as said at each group of members.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/ports/clock.hpp"
#include "base/ports/loop.hpp"
#include "cache/cache_metrics.hpp"
#include "cache/entry_options.hpp"
#include "cache/flight.hpp"
#include "cache/recent_failures.hpp"
#include "cache/store.hpp"

namespace tidegate::internal {

class Tier;

struct CacheSettings {
  std::string name = "cache";
  StoreOptions store;
  EntryOptions entry;
  Duration load_timeout = std::chrono::seconds(15);  // the end of a flight
  Duration throttle = std::chrono::seconds(5);  // after a failure, where a stale value is there
  Duration error_ttl{};                         // the same where there is none; zero: not at all
  double refresh_ahead = 0;                     // a hit this far into the ttl reloads; zero: none
  std::uint64_t seed = 0;                       // of jitter; zero: of the process's own
};

class CacheCore : public std::enable_shared_from_this<CacheCore> {
 public:
  CacheCore(CacheSettings settings, Loop& loop, const Clock& clock);
  ~CacheCore();

  const CacheSettings& settings() const noexcept { return settings_; }
  Store& store() noexcept { return store_; }
  CacheMetrics& metrics() noexcept { return metrics_; }
  Loop& loop() const noexcept { return loop_; }
  const Clock& clock() const noexcept { return clock_; }
  CacheStats stats() const;

  // The tier behind it; null where there is none. Set once, before the first use.
  Tier* tier() const noexcept { return tier_.get(); }
  void join(std::shared_ptr<Tier> tier) noexcept { tier_ = std::move(tier); }

  // Any thread.
  TimePoint now() const noexcept { return clock_.now(); }
  Found find(std::string_view key, std::uint64_t hash, TimePoint now,
             Look look = Look::kLast) noexcept {
    return store_.find(key, hash, now, look, settings_.refresh_ahead);
  }
  // Stores what a load brought, unless its key was invalidated meanwhile; the version, or zero.
  std::uint64_t publish(Load& load, const Loaded& loaded) noexcept;
  // Stores what the tier had, a time `since` ago, until the load brings its value.
  bool publish_stale(const Load& load, Ref<CacheValue> value, std::size_t weight,
                     Duration since) noexcept;
  std::uint64_t put(std::string_view key, const Loaded& loaded, const EntryOptions& entry) noexcept;
  // Forgets, here and in the tier. What `keeps_stale` may still serve where there is no better.
  bool invalidate(std::string_view key, std::uint64_t version, bool keeps_stale);
  void invalidate_all(bool keeps_stale);
  // What the tier is to write of a value, empty where that is too large or without memory.
  std::string seal_for_tier(std::string_view key, const Loaded& loaded, const EntryOptions& entry,
                            std::uint64_t version) noexcept;
  static Duration life_in_tier(const Loaded& loaded, const EntryOptions& entry) noexcept;
  // Opens a flight for a hit that is due for it, unless somebody did.
  void refresh(std::string_view key, const Found& hit, const std::shared_ptr<CacheLoader>& loader,
               const EntryOptions& entry);

  // On the loop.
  Ref<Flight> flight_of(std::string_view key) const;
  // What the tier has counts where it is younger than `max_age`.
  Ref<Flight> open_flight(std::string key, std::shared_ptr<CacheLoader> loader,
                          const EntryOptions& entry, Duration max_age = Duration::max());
  void flight_landed(const Flight& flight) noexcept;
  const Status* recent_failure(std::string_view key, bool has_stale) const;
  std::size_t flights() const noexcept { return flights_.size(); }

 private:
  std::uint64_t keep(std::string_view key, std::uint64_t hash, const Loaded& loaded,
                     const EntryOptions& entry, const Fence* fence) noexcept;
  Lifetime lifetime_of(const Loaded& loaded, const EntryOptions& entry, TimePoint now) noexcept;
  Duration jittered(Duration ttl, double jitter) noexcept;
  Duration due_at(const Found& hit) const noexcept;

  const CacheSettings settings_;
  Loop& loop_;
  const Clock& clock_;
  CacheMetrics metrics_;
  Store store_;
  std::atomic<std::uint64_t> draws_;
  std::shared_ptr<Tier> tier_;

  std::unordered_map<std::string_view, Flight*> flights_;  // keys are the flights' own
  RecentFailures failures_;
};

}  // namespace tidegate::internal
