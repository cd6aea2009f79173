// SPDX-License-Identifier: Apache-2.0
//
// Kv: a store of bytes outside the process, as Redis is one; what the cache's tier (cache/tier.hpp)
// speaks to. net/redis_client.hpp implements it for production, tests/support/sim_redis.hpp in virtual
// time.
//
//   const KvFound found = co_await kv.get(name, guard);     // a miss also remembers the guard
//   … load …
//   const bool stored = co_await kv.set({name, bytes, life, guard, found.guard});
//
// A guard is what fences late writes. Whoever invalidates a name puts a token that was never there
// before into its guard, deletes the name, and tells the listeners, in this order and in one go; what
// the store refuses to write it tells nobody. A write names the guard as it was when its load began and is refused where it is another one by
// now. So a value that was loaded before an invalidation never comes back, whichever process loads
// and whichever invalidates. A guard lives for as long as a load may take.
//
// Everything is on the loop. Each verb ends within the deadline of its scope and the store's own,
// which is short; a cancel ends the wait, and the command may be carried out or not. A failure has
// the cause engine_unavailable where the store is down or cannot be reached (nothing was tried for
// as long as it is known to be down), deadline where it was too slow, and resource_exhausted or
// what the store said otherwise. Several verbs in flight are answered each with its own.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/task.hpp"
#include "tidegate/deadline.hpp"
#include "tidegate/status.hpp"

namespace tidegate::internal {

struct KvFound {
  std::optional<std::string> value;
  Duration left{};    // of the value's life; zero where there is none
  std::string guard;  // empty where there is none
};

struct KvSet {
  std::string name;
  std::string value;
  Duration life;
  std::string guard;       // its name
  std::string guard_seen;  // what get() found there
};

struct KvInvalidate {
  std::string name;
  std::string guard;
  std::string token;    // never used before
  Duration guard_life;  // as long as a load may take
  std::string channel;
  std::string message;
};

// A number that only grows, and is no less than the store's time in microseconds was when it grew: so
// it is one that never was before, also where the store has lost the one before it. It is even where it began, and odd where it was raised.
struct KvNumber {
  std::string name;
  std::int64_t seen = 0;  // the largest that the caller knows of
  std::string channel;
  std::string message;  // tells the listeners that it has grown

  static bool has_begun(std::int64_t number) noexcept { return number % 2 == 0; }
  std::int64_t least_begun(std::int64_t now) const noexcept {
    const std::int64_t least = std::max(now, seen + 1);
    return least + least % 2;
  }
  std::int64_t least_raised(std::int64_t now) const noexcept { return std::max(now, seen + 1) | 1; }
};

// Hears what is published on a channel. Called on the loop, outside any flow.
class KvListener {
 public:
  virtual void heard(std::string_view message) noexcept = 0;
  // From now on it hears everything. What was said before is not known: it may have missed some.
  virtual void listening() noexcept = 0;
  // From now on, until listening() is called again, it hears nothing.
  virtual void deaf() noexcept = 0;

 protected:
  ~KvListener() = default;
};

class Kv {
 public:
  virtual ~Kv() = default;

  virtual Task<Result<KvFound>> get(std::string name, std::string guard) = 0;
  // False where the guard has changed: nothing was written.
  virtual Task<Result<bool>> set(KvSet what) = 0;
  virtual Task<Status> invalidate(KvInvalidate what) = 0;

  // What a number is now, and a larger one, of which the listeners are told by `message`. Where there
  // is none, because nobody has asked yet or the store has evicted it, it begins, for all who ask
  // with the same, and the listeners are told as well.
  virtual Task<Result<std::int64_t>> number(KvNumber what) = 0;
  virtual Task<Result<std::int64_t>> raise(KvNumber what) = 0;

  // A listener outlives the store or is taken off before. listening() is called from a later turn,
  // and concerns nobody else who listens to the channel.
  virtual void listen(std::string channel, KvListener& listener) = 0;
  virtual void ignore(std::string_view channel, KvListener& listener) noexcept = 0;

  // False while it is known to be down: verbs then fail at once. Any thread.
  virtual bool up() const noexcept = 0;
};

}  // namespace tidegate::internal
