// SPDX-License-Identifier: Apache-2.0
//
// Limiter: how often something may start, such as the requests to one service.
//
//   tidegate::Limiter limiter(tidegate::LimiterOptions().name("encar").pace(500ms).pause_every(20, 1s, 3s));
//   if (limiter.try_acquire()) …                     // now or not at all
//   auto turn = limiter.acquire(10s);                // an operation: it waits, or refuses at once
//   if (auto waited = turn.wait(); !waited.ok()) return waited.status();
//
// What may be promised, one or several of these together, at most four; all of them then hold:
//   rate(N, W, b)     N in W on the long run, up to b of them at the same moment: any window V holds
//                     at most b + V × N / W. After a while without a start that is more than N in W,
//                     as with every token bucket.
//   strict(N, W, b)   never more than N in any window W. With b = 1 they come evenly, W / N apart; a
//                     larger b lets b start together and N - b + 1 in W on the long run.
//   pace(d, jitter)   each start at least d after the one before, and up to jitter more.
//   pause_every(n, least, most)   of a pace: after each n starts a pause of that much more.
//
// Who waits
//   * First come, first served: nobody overtakes, whatever its weight, and while somebody waits
//     try_acquire() and reserve() are refused. At most `queue` wait.
//   * Who cannot have its turn before its deadline is refused at once, with the cause rate_limited
//     and Status::retry_after(): the least time after which it would have been let through. It is
//     exact where nobody else asks meanwhile.
//   * Who is cancelled leaves nothing behind: whoever comes next has its slot.
//   * No thread waits: turns are timers of the library's I/O thread.
// A refusal costs nothing: it takes no permit. The clock is monotonic.
//
// After penalize(), for a 429 with Retry-After, nothing starts for that long, and then one at a time.
//
// With share(Share::kHost) all limiters of its name on this host count together, and a penalty told
// in one process holds in all. In each process who comes first is served first, and processes take
// turns. They have to promise the same: where others run that promise something else under the name,
// that is refused with the cause config. Nothing is booked there for more than a day ahead, and whose
// process was woken more than 10 ms too late for its turn has the next one: the slot is lost, and so
// are one or two of a process that is killed. Never are more booked than promised; who starts up to
// 10 ms after its booked time may be that much nearer to the next.
//
// With share(Share::kRedis) all limiters of its name that use one Redis count together, on any host, and
// penalties hold in all. Each start is one question, decided there by the server's clock, in whole
// microseconds: none is early, and it is late by the way of the answer. In each process who comes first
// is served first, and processes take turns. Where their limits differ, all together start no more than
// the most generous of them promises. try_acquire() and reserve() wait for the answer, for at most
// redis_timeout(), and so are not for an event loop; acquire() is. A penalty of another process that
// comes in the last 50 ms before a start, or in the last 100 ms before one that waits no longer than
// that, may be missed by it, and by no other of its process. What Redis forgets, by a restart without
// its data or for want of memory, is saved up again. share_down() says what is done while it cannot be
// asked.
//
// Thread-safety: everything, any thread; copies share one limiter. Cost: try_acquire() reads the
// clock and changes one word (several limits: under a lock of some nanoseconds, on a host one word
// each); it allocates nothing. Making one that is shared on a host reads its file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tidegate/deadline.hpp"
#include "tidegate/operation.hpp"
#include "tidegate/share.hpp"
#include "tidegate/status.hpp"

namespace tidegate {

class Limiter;
class Config;
class Service;

namespace internal {
class LimiterHome;

// For bindings, the first half of acquire(): whether it may start now. False counts as nothing;
// whoever asked goes on to wait.
bool start_now(const Limiter& limiter, std::uint32_t weight);
}  // namespace internal

class LimiterOptions {
 public:
  struct Rate {
    std::uint64_t permits = 0;
    Duration per{};
    std::uint32_t burst = 1;
    bool is_strict = false;
  };
  struct Pace {
    bool is_set = false;
    Duration interval{};
    Duration jitter{};
    std::uint32_t every = 0;  // starts to a pause; 0: none
    Duration least_pause{};
    Duration most_pause{};
  };
  struct Values {
    std::string name = "limiter";
    std::vector<Rate> rates;
    Pace pace;
    std::size_t queue = 1024;
    Share share = Share::kProcess;
    std::string state_dir;  // empty: /dev/shm/tidegate-<uid>
    std::string redis;      // the URL
    Duration redis_timeout = std::chrono::milliseconds(50);
    ShareDown share_down = ShareDown::kLocal;
    std::uint32_t share_workers = 1;
  };

  // With gate.state_dir, gate.redis, gate.redis_timeout, gate.share_down and gate.share_workers; and
  // a service's name.
  static LimiterOptions from(const Config& config);
  static LimiterOptions from(const Service& service);

  // For stats(), metrics and messages. Limiters of one name in a process count together.
  LimiterOptions& name(std::string name);
  LimiterOptions& rate(std::uint64_t permits, Duration per, std::uint32_t burst = 1);
  LimiterOptions& strict(std::uint64_t permits, Duration per, std::uint32_t burst = 1);
  LimiterOptions& pace(Duration interval, Duration jitter = {});
  LimiterOptions& pause_every(std::uint32_t starts, Duration least, Duration most);
  // Starts that may wait at once; the next is refused with kQueueFull.
  LimiterOptions& queue(std::size_t starts);
  // Who counts together. kHost wants a name, kRedis also redis().
  LimiterOptions& share(Share with);
  // An absolute path, for kHost.
  LimiterOptions& state_dir(std::string path);
  // Of kRedis: "redis://[user[:password]@]host[:port][/database]", or "unix://…".
  LimiterOptions& redis(std::string url);
  // How long one question may take.
  LimiterOptions& redis_timeout(Duration timeout);
  // What is done while it cannot be asked; and, where that is kLocal, among how many processes what is
  // promised is divided then.
  LimiterOptions& share_down(ShareDown what);
  LimiterOptions& share_workers(std::uint32_t processes);

  const Values& values() const noexcept { return values_; }

 private:
  Values values_;
};

// What try_acquire() says.
class [[nodiscard]] Verdict {
 public:
  Verdict(bool granted, Duration retry_after) noexcept
      : granted_(granted), retry_after_(retry_after) {}

  explicit operator bool() const noexcept { return granted_; }
  bool granted() const noexcept { return granted_; }
  // Of a refusal: after which time it would be granted; Duration::max() where that is never, zero
  // where it is not known, because Redis could not be asked.
  Duration retry_after() const noexcept { return retry_after_; }

 private:
  bool granted_;
  Duration retry_after_;
};

// A start in the future that is booked. Dropping it keeps the slot; cancel() gives it back.
class [[nodiscard]] Reservation {
 public:
  class State;
  explicit Reservation(Verdict verdict) noexcept;
  Reservation(Verdict refused, std::unique_ptr<State> why) noexcept;
  Reservation(TimePoint start, std::unique_ptr<State> state) noexcept;
  Reservation(Reservation&&) noexcept;
  Reservation& operator=(Reservation&&) noexcept;
  ~Reservation();

  bool granted() const noexcept { return verdict_.granted(); }
  explicit operator bool() const noexcept { return granted(); }
  // When it may start, on the clock of deadlines.
  TimePoint start() const noexcept { return start_; }
  Duration retry_after() const noexcept { return verdict_.retry_after(); }
  // OK, or why there is no start: rate_limited, with retry_after(), bad_argument or
  // engine_unavailable.
  Status status() const;

  // It does not start. Whoever comes next has its slot, unless somebody has booked behind it or its
  // time has passed: then the slot is lost. Once; more often does nothing.
  void cancel() noexcept;

 private:
  Verdict verdict_;
  TimePoint start_{};
  std::unique_ptr<State> state_;
};

// Of all limiters of one name in this process.
struct LimiterStats {
  std::uint64_t granted = 0;    // starts let through
  std::uint64_t refused = 0;    // at once, or at their deadline
  std::uint64_t lost = 0;       // slots that nobody could have
  std::uint64_t penalties = 0;  // calls of penalize()
  std::size_t waiting = 0;      // for their turn, now
  // Of those that share through Redis: starts that Redis has decided about, and those that it could
  // not be asked about.
  std::uint64_t redis_decisions = 0;
  std::uint64_t redis_failures = 0;
};

class Limiter {
 public:
  explicit Limiter(const LimiterOptions& options);

  // OK, or why it cannot work: no limit, more than four, a rate of nothing … Then it refuses all.
  Status status() const;

  // Now or not at all. A weight of n takes n permits; beyond the burst it is never granted, and the
  // weight of a pace is 1.
  Verdict try_acquire(std::uint32_t weight = 1) const;

  // Ends when it may start; its value is how long that took. Ended already where that is now.
  Operation<Duration> acquire(Deadline deadline = Deadline::never(),
                              std::uint32_t weight = 1) const;
  Operation<Duration> acquire(Duration timeout, std::uint32_t weight = 1) const {
    return acquire(Deadline::after(timeout), weight);
  }

  // Books a start that is at most `most_wait` from now, for who waits by itself.
  Reservation reserve(Duration most_wait, std::uint32_t weight = 1) const;

  // Nothing starts for `time`, an hour at the most; what is booked already stays.
  void penalize(Duration time) const;

  LimiterStats stats() const;

 private:
  friend bool internal::start_now(const Limiter& limiter, std::uint32_t weight);

  std::shared_ptr<internal::LimiterHome> home_;
};

// A limiter that is told what time it is, for a clock of somebody else's: an event loop's, a
// simulation's. It decides as a Limiter does; nobody waits in it, so that whoever asks in the right
// moment is granted, whoever came before.
//
//   tidegate::TimedLimiter limiter(tidegate::LimiterOptions().rate(10, 1s, 10), clock.now());
//   if (!limiter.try_acquire(clock.now())) clock.call_at(clock.now() + limiter.wait(clock.now()), …);
//
// Time that stands still or goes back grants nothing more. Thread-safety: any thread. Cost: a change
// of one word under a lock of some nanoseconds. A child of fork() has a copy, as of any value.
class TimedLimiter {
 public:
  // `epoch` is the earliest time that there is.
  explicit TimedLimiter(const LimiterOptions& options, TimePoint epoch = {});

  // OK, or why it cannot work. Then it refuses all.
  Status status() const;

  Verdict try_acquire(TimePoint now, std::uint32_t weight = 1) const;
  // Until a start of that weight would be granted; zero: now. Takes nothing. Duration::max() for a
  // weight that never is.
  Duration wait(TimePoint now, std::uint32_t weight = 1) const;

  // Counts with the limiters of its name.
  LimiterStats stats() const;

 private:
  class State;
  std::shared_ptr<State> state_;
};

}  // namespace tidegate
