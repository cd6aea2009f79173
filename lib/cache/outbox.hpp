// SPDX-License-Identifier: Apache-2.0
//
// Outbox: what Redis shall be told: which keys are no longer valid, and which values are new. It
// keeps what could not be told yet, the newest of each key, within its bounds:
//
//   * more invalidations than `invalidations` become one of everything: nothing is lost by that
//     but values
//   * a value for which there is no room, whose life is over, or whose key was invalidated meanwhile
//     is dropped
//   * invalidations go before values
//
// While the invalidation of a key is on its way, nothing that Redis has of it counts. Each attempt
// has a token of its own (base/ports/kv.hpp).
//
// Thread-safety: what callers use, any thread; what is marked so, on the loop. All is counted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "cache/tier_metrics.hpp"
#include "tidegate/deadline.hpp"

namespace tidegate::internal {

struct PendingStore {
  std::string key;
  std::string value;
  std::optional<std::string> guard_seen;  // none for what was put: it is read before the write
  TimePoint made;
  Duration life;    // from then
  TimePoint until;  // not written after it: its life or its guard's is over
};

struct Forgetting {
  std::string key;
  std::string token;
  std::uint64_t number = 0;  // of the token
  bool everything = false;
  bool keeps_stale = false;
};

class Outbox {
 public:
  struct Limits {
    std::size_t store_bytes = std::size_t{8} << 20;
    std::size_t invalidations = 10'000;
  };
  Outbox(const Limits& limits, std::uint64_t sender, TierMetrics& metrics)
      : limits_(limits), sender_(sender), metrics_(metrics) {}
  ~Outbox();
  Outbox(const Outbox&) = delete;
  Outbox& operator=(const Outbox&) = delete;

  void forget(std::string_view key, bool keeps_stale);
  void forget_everything(bool keeps_stale);
  void store(PendingStore store);
  // Values of the key, or of all, that were not written yet are void.
  void drop_store(std::string_view key) noexcept;
  void drop_stores() noexcept;
  // What was put and not written becomes an invalidation: nobody knows what was missed meanwhile.
  void distrust_puts();

  // An invalidation of the key is on its way.
  bool is_void(std::string_view key) const;
  bool has_next() const;

  // On the loop. What is taken stays until it is told, or is put back.
  std::optional<Forgetting> next_forgetting();
  void told(const Forgetting& forgetting, bool succeeded) noexcept;
  std::optional<PendingStore> next_store(TimePoint now);
  // False where it was dropped meanwhile.
  bool still_wanted(std::string_view key) const;
  // It was written or is not to be; put_back() may follow, for the next time.
  void settled(std::string_view key);
  void put_back(PendingStore store);

 private:
  struct Waiting {
    std::uint64_t token = 0;
    std::list<std::string>::iterator place;  // of its key
    bool keeps_stale = false;
    bool in_flight = false;
  };
  // Keys can be sought by a view.
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept {
      return std::hash<std::string_view>()(text);
    }
  };
  template <class T>
  using ByKey = std::unordered_map<std::string, T, Hash, std::equal_to<>>;

  void store_locked(PendingStore store);
  void forget_locked(std::string_view key, bool keeps_stale);
  void forget_everything_locked(bool keeps_stale);
  void drop_store_locked(std::string_view key) noexcept;
  void drop_stores_locked() noexcept;
  using Store = std::map<std::uint64_t, PendingStore>::iterator;
  PendingStore take(Store store) noexcept;
  bool is_in_flight(std::string_view key) const noexcept;
  void count_invalidations() noexcept;
  std::string token(std::uint64_t number) const;
  static std::size_t weight(const PendingStore& store) noexcept {
    return store.key.size() + store.value.size();
  }

  const Limits limits_;
  const std::uint64_t sender_;
  TierMetrics& metrics_;
  mutable std::mutex mutex_;
  std::uint64_t tokens_ = 0;  // guarded by mutex_, like all below
  // Every key of waiting_ stands once in queue_, or in told_ while it is in flight. It goes from one
  // to the other without an allocation, so that nothing is lost where memory runs out.
  ByKey<Waiting> waiting_;
  std::list<std::string> queue_;
  std::list<std::string> told_;
  bool everything_ = false;
  bool everything_in_flight_ = false;
  bool everything_keeps_stale_ = true;
  bool everything_again_ = false;
  std::int64_t counted_ = 0;                      // of the gauge
  std::map<std::uint64_t, PendingStore> stores_;  // in the order of their coming
  ByKey<std::uint64_t> store_of_;
  std::uint64_t store_numbers_ = 0;
  std::size_t store_bytes_ = 0;
  // Keys whose store is in flight; one that was dropped meanwhile is not wanted.
  struct InFlight {
    std::string key;
    bool wanted = true;
  };
  std::vector<InFlight> in_flight_;
};

}  // namespace tidegate::internal
