// SPDX-License-Identifier: Apache-2.0
//
// Gate: whether, when and how many at once something may start, such as the requests to one service.
//
//   tidegate::Gate gate(tidegate::GateOptions("encar").pace(500ms).concurrency(8)
//                           .breaker(tidegate::BreakerOptions()));
//
//   auto entering = gate.acquire(10s);                    // waits, or is refused at once
//   auto permit = entering.wait();
//   if (!permit.ok()) return permit.status();
//   const int status = ask();
//   permit->http_status(status);                          // once; destroyed unsaid: cancelled
//
//   auto listing = gate.call([&] { return fetch(id); });  // never waits; the refusal as a Result
//
// Four decisions, in this order; what is not set lets everything through:
//   1  breaker      a service that fails is left alone (breaker.hpp): kCircuitOpen, at once.
//   2  concurrency  so many are inside at the same time; who finds no slot waits for one.
//   3  rate         how often one may start (limiter.hpp), and no start within a penalty.
//   4  breaker      once more, after the wait. What was refused here has used up no start.
// A slot comes before a start, because a slot can be given back.
//
// Who waits
//   * In one line: a higher priority goes first, within one it is first come, first served. Nobody
//     overtakes: while somebody waits, try_enter() and call() are refused.
//   * At most `queue` wait; the next is refused with kQueueFull.
//   * Who cannot have its start before its deadline is refused at once: kRateLimited, with the least
//     time after which it would start. When a slot comes free nobody can know: who gets none until
//     its deadline is refused then, with kPoolTimeout.
//   * When the breaker opens, all that wait are told at once; where another process has opened it,
//     with the next call here, or when their turn comes.
//   * Who is cancelled leaves nothing behind; a slot or start that was meant for it is the next one's.
//   * No thread waits.
//
// A permit is one call. Its end frees the slot and tells the breaker. A 429 or 503 that says when to
// come again puts off all starts until then, at most `max_penalty`.
//
// Thread-safety: everything, any thread; copies are one gate; a permit is for one thread at a time.
// Cost: to enter a free gate reads the clock and changes a few words, without a lock (but see
// limiter.hpp for several limits) and without an allocation. A gate counts in one process, or as
// share() says; one that shares through Redis asks it for each start, and enter(), try_enter() and
// call() without a deadline wait for the answer then. After fork() a child's begins anew, or goes on
// with the host's, and a permit of the parent's does nothing there.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "tidegate/breaker.hpp"
#include "tidegate/headers.hpp"
#include "tidegate/limiter.hpp"
#include "tidegate/operation.hpp"
#include "tidegate/status.hpp"

namespace tidegate {

namespace internal {
class GateCore;
class GateHome;
}  // namespace internal

enum class GatePriority : std::int32_t { kHigh = 0, kNormal = 1, kLow = 2 };

class GateOptions {
 public:
  struct Adaptive {
    bool is_set = false;
    std::size_t least = 1;
    std::size_t first = 20;
    std::size_t most = 100;
  };
  struct Values {
    std::string name = "gate";
    LimiterOptions limits;
    std::size_t concurrency = 0;
    Adaptive adaptive;
    std::size_t queue = 1024;
    std::optional<BreakerOptions> breaker;
    Duration max_penalty = std::chrono::seconds(60);
    bool adaptive_rate = false;
    bool rate_limit_fields = false;
  };

  // The settings gate.*, and breaker.* where gate.breaker is true; a service's gate has its name.
  static GateOptions from(const Config& config);
  static GateOptions from(const Service& service);

  GateOptions() = default;
  explicit GateOptions(std::string name) { this->name(std::move(name)); }

  // For stats(), metrics and messages. Gates of one name in a process count together.
  GateOptions& name(std::string name);

  // How often one may start, as in LimiterOptions.
  GateOptions& rate(std::uint64_t permits, Duration per, std::uint32_t burst = 1);
  GateOptions& strict(std::uint64_t permits, Duration per, std::uint32_t burst = 1);
  GateOptions& pace(Duration interval, Duration jitter = {});
  GateOptions& pause_every(std::uint32_t starts, Duration least, Duration most);
  // The same, all at once; its name and its queue do not count.
  GateOptions& limits(const LimiterOptions& options);

  // With whom rate, pace, penalties and the breaker count together (share.hpp); those inside and those
  // that wait are each process's own. kHost wants a name. And where what is shared lies. With kRedis,
  // which wants a name and redis(), the breakers count each for themselves, and open and close together
  // (breaker.hpp), unless the breaker's own share() is kHost.
  GateOptions& share(Share with);
  GateOptions& state_dir(std::string path);
  // Of kRedis, as in LimiterOptions.
  GateOptions& redis(std::string url);
  GateOptions& redis_timeout(Duration timeout);
  GateOptions& share_down(ShareDown what);
  GateOptions& share_workers(std::uint32_t processes);

  // So many inside at once; 0: any number.
  GateOptions& concurrency(std::size_t calls);
  // So many as the service bears: `first` to begin with, one more for each second in which calls went
  // well and half of the places were in use, a tenth less, once in a second, where one ends with 429,
  // 503, a timeout or without a connection.
  GateOptions& adaptive_concurrency(std::size_t least, std::size_t first, std::size_t most);
  // So many may wait.
  GateOptions& queue(std::size_t calls);
  // With a breaker of the gate's name, unless it has one.
  GateOptions& breaker(const BreakerOptions& options);
  // The longest time for which an answer can put off all starts.
  GateOptions& max_penalty(Duration time);
  // After an answer of 429, or of 503 that says when to come again, starts are evenly apart, at seven
  // tenths of the rate at which they were made just then; after five seconds as often as then, and
  // more from there, along a cubic curve (that of RFC 9438, as botocore has it for rates); never fewer
  // than one in two seconds. Five minutes after the last such answer that is over. In addition to the
  // limits. Each process learns by itself, and where starts are shared, what one has learned holds for
  // all: together they start no more often than it, so that it is for a gate that is a process's own.
  GateOptions& adaptive_rate(bool adapts = true);
  // An answer of any status that says, by the fields of the RateLimit family, that nothing is left of
  // a limit of the service puts off all starts until it is renewed, at most `max_penalty`.
  GateOptions& rate_limit_fields(bool count = true);

  const Values& values() const noexcept { return values_; }

 private:
  Values values_;
};

// The right to make one call, or the refusal of it. Whoever has one says once what came of the call;
// one that is destroyed unsaid was cancelled.
class [[nodiscard]] GatePermit {
 public:
  GatePermit(GatePermit&& other) noexcept {
    *this = std::as_const(other);
    other.core_ = nullptr;
  }
  GatePermit& operator=(GatePermit&& other) noexcept;
  ~GatePermit() {
    if (core_) cancel();
  }

  // Whether the call may be made.
  explicit operator bool() const noexcept { return core_ != nullptr; }
  // Of a refusal: kCircuitOpen, kPoolTimeout (no slot is free), kRateLimited, kConfig, or
  // kEngineUnavailable (Redis could not be asked, and ShareDown is to refuse then); and how long
  // to wait, where that is known. Gate::refusal() says it in words.
  Cause cause() const noexcept { return refused_; }
  Duration retry_after() const noexcept { return retry_after_; }

  // How long it waited for its turn.
  Duration waited() const noexcept { return waited_; }

  void success() noexcept { failure(Cause::kNone); }
  // What is local, and so no fault of the service, does not count for the breaker.
  void failure(Cause cause) noexcept;
  // There was an answer, of this status; `retry_after` is what it said of when to come again.
  void http_status(int status, std::optional<Duration> retry_after = std::nullopt) noexcept;
  // The same with the answer's header, in which Retry-After, retry-after-ms or, without these, the
  // RateLimit family may say when to come again.
  void answered(int status, const Headers& headers) noexcept;
  // Says nothing about the service.
  void cancel() noexcept { failure(Cause::kCancelled); }
  // As BreakerPermit::timed(). A client says it of each attempt.
  void timed(Duration timeout, Duration took = {}) noexcept {
    may_take_ = timeout / 5 * 4;
    took_ = took;
  }

 private:
  friend class internal::GateCore;
  friend class Gate;
  GatePermit() noexcept = default;
  GatePermit(Cause refused, Duration retry_after) noexcept
      : refused_(refused), retry_after_(retry_after) {}
  GatePermit(const GatePermit& other) noexcept = default;
  GatePermit& operator=(const GatePermit& other) noexcept = default;

  internal::GateCore* core_ = nullptr;  // null once said; its slot keeps it alive
  std::uint64_t breaker_word_ = 0;      // as a BreakerPermit has it
  std::uint64_t breaker_lease_ = 0;
  TimePoint entered_{};
  Duration may_take_{};
  Duration took_{};
  Cause refused_ = Cause::kNone;
  Duration retry_after_{};
  Duration waited_{};
};

// The counters are of all gates of one name in this process, the rest of this one.
struct GateStats {
  std::uint64_t granted = 0;       // calls let through
  std::uint64_t refused = 0;       // at once, or at their deadline
  std::uint64_t circuit_open = 0;  // of them, by the breaker
  std::uint64_t penalties = 0;     // times that all starts were put off
  std::size_t waiting = 0;         // for their turn, now
  std::size_t inside = 0;          // permits that are out
  std::size_t concurrency = 0;     // how many may be; 0: any number
  std::optional<BreakerStats> breaker;
  double rate = 0;  // starts in a second, where adaptive_rate() holds them back
};

class Gate {
 public:
  explicit Gate(const GateOptions& options);
  explicit Gate(std::string name) : Gate(GateOptions(std::move(name))) {}

  // The gate of a service, by its name and its settings: the same one for all of a process who ask
  // with the same gate.* and breaker.*, as the clients of a service do; it lives as long as the
  // process. None where none of gate.rate, gate.pace, gate.concurrency, gate.breaker,
  // gate.adaptive_rate and gate.rate_limit_fields is set.
  static std::optional<Gate> of(const Service& service);
  // The same of the service of this name in these settings, as http.gate and executor.gate name it.
  // Where no setting makes one it is a gate that refuses all, and status() says why.
  static Gate named(const Config& config, std::string_view service);
  static Gate named(const Service& same, std::string_view service);

  // OK, or why it cannot work. Then it refuses all.
  Status status() const;

  // Now or not at all. The cheapest way to ask.
  GatePermit try_enter() const;
  // The same; a refusal is a Status.
  Result<GatePermit> enter() const;
  // What such a Status says.
  Status refusal(const GatePermit& refused) const;

  // Ends when the call may be made. Its permit is for the first who asks for the result; where nobody
  // does, it goes with the operation.
  Operation<GatePermit> acquire(Deadline deadline = Deadline::never(),
                                GatePriority priority = GatePriority::kNormal) const;
  Operation<GatePermit> acquire(Duration timeout,
                                GatePriority priority = GatePriority::kNormal) const {
    return acquire(Deadline::after(timeout), priority);
  }

  // What `call` returns, or the refusal, as a Result; it does not wait. Where it returns a Status or
  // a Result that is none of success, or throws, it has failed.
  template <class Call>
  auto call(Call&& call) const;
  // The same, but waits for its turn until the deadline.
  template <class Call>
  auto call(Deadline deadline, Call&& call) const;
  template <class Call>
  auto call(Duration timeout, Call&& call) const {
    return this->call(Deadline::after(timeout), std::forward<Call>(call));
  }

  // Nothing starts for `time`, at most `max_penalty`.
  void penalize(Duration time) const;
  // Gives an order to the breaker, if there is one.
  void force(BreakerMode mode) const;

  GateStats stats() const;
  const GateOptions::Values& options() const noexcept;

  // For the library.
  const std::shared_ptr<internal::GateHome>& handle() const noexcept { return home_; }

 private:
  explicit Gate(std::shared_ptr<internal::GateHome> home) noexcept : home_(std::move(home)) {}
  static Gate unfit(std::string_view name, Status why);

  std::shared_ptr<internal::GateHome> home_;
};

template <class Call>
auto Gate::call(Call&& call) const {
  return internal::call_with(enter(), std::forward<Call>(call));
}

template <class Call>
auto Gate::call(Deadline deadline, Call&& call) const {
  return internal::call_with(acquire(deadline).wait(), std::forward<Call>(call));
}

}  // namespace tidegate
