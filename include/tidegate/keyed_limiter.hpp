// SPDX-License-Identifier: Apache-2.0
//
// KeyedLimiter: how often each of many may start something: each user, each token, each host. All
// have the same limits (limiter.hpp), and each counts by itself.
//
//   tidegate::KeyedLimiter limiter(tidegate::KeyedLimiterOptions("users").rate(10, 1s, 20));
//   if (const auto verdict = limiter.try_acquire(user); !verdict) …      // verdict.retry_after()
//   auto turn = limiter.acquire(host, 10s);          // an operation: it waits, or refuses at once
//
// What a Limiter says of who waits holds for each key: first come, first served, refused at once
// where its turn would come after its deadline, and who is cancelled leaves nothing behind. Keys do
// not wait for one another. `queue` may wait in all, and `queue_of_key` for one key, so that none
// takes all places.
//
// Bounded memory
//   * At most `max_keys` are kept, at about 120 bytes each and the key itself where it has more than 15. A
//     key may have 1,024 bytes; what is longer is refused as bad_argument: hash it.
//   * A key is forgotten when it is idle: when it could start what a key that never started anything
//     could. So nobody can tell, and no limit lets through more. Forgetting takes no thread: each new
//     key looks at two others.
//   * Where there is no place for a new key, because `max_keys` are busy or nearly so, it counts with
//     others that have none either: up to 1,024 words, which its hash chooses among, with the same
//     limits. Such a key may be refused or have to wait for what others did; it never starts more
//     often than it may, and keys that have a place notice nothing. `crowded` counts it. In all, no
//     more start than `max_keys` and those words allow, whoever sends how many new keys.
//
// A pace has no pauses here: who is forgotten is not counted any further.
//
// penalize(key, time), for a 429 with Retry-After, holds for one key. What is counted is this
// process's; after a fork() a child begins anew.
//
// Thread-safety: everything, any thread; copies share one limiter. Threads with different keys meet
// with the probability 1 / 64 in a lock that is held for some dozens of nanoseconds. Cost:
// try_acquire() reads the clock, hashes the key (SipHash, with a seed that nobody knows; the whole
// key is compared) and changes a word. A new key looks at 16 others at the most, and allocates for
// itself and now and then for 16 entries.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "tidegate/limiter.hpp"

namespace tidegate {

class KeyedLimiter;

namespace internal {
class KeyedHome;

// For bindings, the first half of acquire(): whether it may start now. False counts as nothing;
// whoever asked goes on to wait.
bool start_now(const KeyedLimiter& limiter, std::string_view key, std::uint32_t weight);
}  // namespace internal

class KeyedLimiterOptions {
 public:
  struct Values {
    LimiterOptions limits = LimiterOptions().name("keyed");
    std::size_t max_keys = 100'000;
    std::size_t queue_of_key = 64;
  };
  static constexpr std::size_t kMostKeys = std::size_t{1} << 24;

  KeyedLimiterOptions() = default;
  explicit KeyedLimiterOptions(std::string name) { this->name(std::move(name)); }

  // For stats(), metrics and messages. Limiters of one name in a process are counted together.
  KeyedLimiterOptions& name(std::string name);

  // Of each key, as in LimiterOptions.
  KeyedLimiterOptions& rate(std::uint64_t permits, Duration per, std::uint32_t burst = 1);
  KeyedLimiterOptions& strict(std::uint64_t permits, Duration per, std::uint32_t burst = 1);
  KeyedLimiterOptions& pace(Duration interval, Duration jitter = {});

  // The same, all at once, with its queue; its name does not count. It has no pauses and is not
  // shared.
  KeyedLimiterOptions& limits(const LimiterOptions& options);

  // So many are kept, 1 to 16,777,216.
  KeyedLimiterOptions& max_keys(std::size_t keys);
  // Starts of all keys that may wait at once, and of one key; the next is refused with kQueueFull.
  KeyedLimiterOptions& queue(std::size_t starts);
  KeyedLimiterOptions& queue_of_key(std::size_t starts);

  const Values& values() const noexcept { return values_; }

 private:
  Values values_;
};

// Of all keys of all keyed limiters of one name in this process.
struct KeyedLimiterStats {
  std::uint64_t granted = 0;    // starts let through
  std::uint64_t refused = 0;    // at once, or at their deadline
  std::uint64_t lost = 0;       // slots that nobody could have
  std::uint64_t penalties = 0;  // calls of penalize()
  std::size_t waiting = 0;      // for their turn, now
  std::size_t keys = 0;         // that are kept, now
  std::uint64_t forgotten = 0;  // idle keys that had to go
  std::uint64_t crowded = 0;    // starts asked for by keys that had to count with others
};

class KeyedLimiter {
 public:
  explicit KeyedLimiter(const KeyedLimiterOptions& options);

  // OK, or why it cannot work, with the cause config. Then it refuses all.
  Status status() const;

  // Now or not at all. A weight beyond the burst is never granted, nor is a key that is too long.
  Verdict try_acquire(std::string_view key, std::uint32_t weight = 1) const;

  // Ends when it may start; its value is how long that took. Ended already where that is now.
  Operation<Duration> acquire(std::string_view key, Deadline deadline = Deadline::never(),
                              std::uint32_t weight = 1) const;
  Operation<Duration> acquire(std::string_view key, Duration timeout,
                              std::uint32_t weight = 1) const {
    return acquire(key, Deadline::after(timeout), weight);
  }

  // Nothing starts for that key for `time`, an hour at the most, and then one at a time. One that is
  // too long has no starts anyway.
  void penalize(std::string_view key, Duration time) const;

  KeyedLimiterStats stats() const;

 private:
  friend bool internal::start_now(const KeyedLimiter& limiter, std::string_view key,
                                  std::uint32_t weight);

  std::shared_ptr<internal::KeyedHome> home_;
};

}  // namespace tidegate
