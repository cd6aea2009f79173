// SPDX-License-Identifier: Apache-2.0
//
// Breaker: a service that fails is left alone for a while, and asked again a little before it is
// asked as before.
//
//   tidegate::Breaker breaker("encar");
//
//   tidegate::Result<Listing> listing = breaker.call([&] { return fetch(id); });
//
//   tidegate::BreakerPermit permit = breaker.try_enter();      // or by hand
//   if (!permit) return later(permit.retry_after());
//   const tidegate::Status status = ask();
//   status.ok() ? permit.success() : permit.failure(status.cause());
//
// States
//   closed      everything enters. It opens where, of at least 20 calls in 60 s, half failed; where a
//               time is set that a call may take, where four fifths were slower; and where a number
//               is set, after so many failures in a row.
//   open        nothing enters, for 5 s; every time that follows without a success is twice as long, up
//               to 300 s, a fifth more or less at random.
//   half open   three calls enter to try. Two of them failed: open again. All three there and no two
//               failed: closed. One that has not reported after 10 s gives its place to the next.
//
// What counts
//   * The end of a call that was begun since the last change of state. An older one says nothing about
//     how the service is now.
//   * As a failure: a cause that is not local (see causes()), and an HTTP status from 500 on. What
//     ends for a reason of this process, what is cancelled, and 429, which says that the service is
//     asked too often, say nothing; nor does a deadline that passed before the time that a call may
//     take. Other answers are successes.
//
// A refusal has the cause kCircuitOpen, and says when to come again.
//
// With share(Share::kHost) all breakers of its name on this host are one: what fails in one process
// counts in all, and of the probes there are as many as are set for all together. They have to have
// the same settings: where others run that have different ones under the name, that is refused with
// the cause config. A process that is killed keeps the place of its probe until probe_timeout is over.
//
// With share(Share::kRedis) each counts its own calls, and all of its name that use one Redis open and
// close together, on any host. No call waits for Redis: a change is told when it comes, and what others
// have come to is asked for while calls come, at most four times a second. Who is told that it is open
// has it open as long as the others, and up to a tenth longer. The first whose probes succeed closes it
// for all, and whose probes fail opens it for all, for the grown time; whoever hears in time that another
// tries leaves it to that one for probe_timeout, so that each process lets in its probes at the most, and
// mostly one does. Orders hold for all. While Redis cannot be asked each goes on by itself, and they
// agree afterwards. Settings may differ. What it is told there on_change() hears on the library's own
// thread, which must not be held up.
//
// Fork: a child has a breaker of its own, closed at first, or goes on with the host's; a permit of
// the parent's does nothing there. Thread-safety: a Breaker from any thread; a copy is the same
// breaker. A permit may move to another thread, and is for one at a time. Cost: nothing ever takes a
// lock, and neither entering nor leaving allocates; a refusal is cheaper than to read a precise
// clock. Its times are right to a few milliseconds. Making one that is shared on a host reads its
// file.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "tidegate/config.hpp"
#include "tidegate/deadline.hpp"
#include "tidegate/share.hpp"
#include "tidegate/status.hpp"

namespace tidegate {

enum class BreakerState : std::int32_t { kClosed = 0, kOpen = 1, kHalfOpen = 2 };

// "closed", "open", "half_open".
std::string_view breaker_state_name(BreakerState state) noexcept;

// By itself, or by order: nothing enters; everything enters and is counted; everything enters.
enum class BreakerMode : std::int32_t {
  kAutomatic = 0,
  kForcedOpen = 1,
  kForcedClosed = 2,
  kDisabled = 3,
};

struct BreakerChange {
  std::string_view breaker;  // its name
  BreakerState from;
  BreakerState to;
  std::string_view why;  // "open for 5.2 s: 10 of 20 calls failed"
};

class BreakerOptions {
 public:
  struct Values {
    std::string name = "default";
    double failure_rate = 0.5;
    double slow_rate = 0.8;
    Duration slow_after{0};
    int min_calls = 20;
    Duration window = std::chrono::seconds(60);
    int consecutive = 0;
    int probes = 3;
    Duration probe_timeout = std::chrono::seconds(10);
    Duration open_for = std::chrono::seconds(5);
    Duration max_open_for = std::chrono::seconds(300);
    Share share = Share::kProcess;
    std::string state_dir;  // empty: /dev/shm/tidegate-<uid>
    std::string redis;
    Duration redis_timeout = std::chrono::milliseconds(50);
    std::function<void(const BreakerChange&)> on_change;
    // Where these were set: Config::nearness(), kSetInCode; 0: they are the defaults (lint.hpp).
    int window_nearness = 0;
    int slow_after_nearness = 0;
  };

  // The settings breaker.*, and gate.state_dir; a service's breaker has its name.
  static BreakerOptions from(const Config& config);
  static BreakerOptions from(const Service& service);

  // By which it is known in metrics and messages.
  BreakerOptions& name(std::string name);
  // The share of failures that opens it, 0 to 1; 0: they do not count.
  BreakerOptions& failure_rate(double share);
  // The share of calls slower than `after` that opens it; 0: they do not count. Where `after` is zero
  // those are slow that took more than four fifths of a timeout that their permit was told (timed());
  // the HTTP client tells that of each attempt.
  BreakerOptions& slow(double share, Duration after);
  // So many calls in the window before a share counts.
  BreakerOptions& min_calls(int calls);
  // How far back calls count.
  BreakerOptions& window(Duration length);
  // So many failures in a row open it, however few calls there were; 0: they do not.
  BreakerOptions& consecutive(int failures);
  // Calls that try a half-open one, 1 to 64, and how long one may before its place is another's.
  BreakerOptions& probes(int calls);
  BreakerOptions& probe_timeout(Duration time);
  // How long it is open the first time, and the most that it comes to.
  BreakerOptions& open_for(Duration first, Duration longest);
  // Who counts together, or opens together. kHost and kRedis want a name.
  BreakerOptions& share(Share with);
  // An absolute path, for kHost.
  BreakerOptions& state_dir(std::string path);
  // For kRedis: redis://[user[:password]@]host[:port][/database] or unix://…, and how long an answer may
  // take, 1 ms to 1 min, until it is taken for none.
  BreakerOptions& redis(std::string url);
  BreakerOptions& redis_timeout(Duration timeout);
  // Called after each change, on the thread that sees it first, mostly the one that brought it about;
  // under no lock, of two changes at once in either order. What another process has changed is seen
  // by the next call here, and two such changes before it as one. What it throws is dropped.
  BreakerOptions& on_change(std::function<void(const BreakerChange&)> listener);

  const Values& values() const noexcept { return values_; }

 private:
  template <class Source>
  static BreakerOptions of(const Source& source);

  Values values_;
};

struct BreakerStats {
  BreakerState state = BreakerState::kClosed;
  BreakerMode mode = BreakerMode::kAutomatic;
  Duration retry_after{};      // what a refusal would say now; zero where one would enter
  std::uint64_t calls = 0;     // in the window, since the last change of state
  std::uint64_t failures = 0;  // of them
  std::uint64_t slow = 0;      // of them
  std::uint64_t probing = 0;   // calls that try a half-open one
  // Where it is shared through Redis, of all of its name in this process: questions that Redis has
  // answered, and that it has not.
  std::uint64_t redis_answers = 0;
  std::uint64_t redis_failures = 0;
};

namespace internal {
class BreakerCore;
class BreakerHome;
}  // namespace internal

// The right to make one call, or the refusal of it. Whoever has one says once what came of the call;
// one that is destroyed unsaid was cancelled.
class [[nodiscard]] BreakerPermit {
 public:
  BreakerPermit(BreakerPermit&& other) noexcept = default;
  BreakerPermit& operator=(BreakerPermit&& other) noexcept;
  ~BreakerPermit() {
    if (core_) cancel();
  }

  // Whether the call may be made.
  explicit operator bool() const noexcept { return core_ != nullptr; }
  // Of a refusal: how long to wait.
  Duration retry_after() const noexcept { return retry_after_; }

  void success() noexcept { failure(Cause::kNone); }
  // What is local, and so no fault of the service, does not count.
  void failure(Cause cause) noexcept;
  // There was an answer, of this status.
  void http_status(int status) noexcept;
  // Says nothing about the service.
  void cancel() noexcept { failure(Cause::kCancelled); }

  // Before one of these: the call had this timeout, and its answer took so long, zero for until now.
  // Where no time is set that a call may take, this one may take four fifths of its timeout.
  void timed(Duration timeout, Duration took = {}) noexcept {
    may_take_ = timeout / 5 * 4;
    took_ = took;
  }

 private:
  friend class internal::BreakerCore;
  explicit BreakerPermit(Duration retry_after) noexcept : retry_after_(retry_after) {}
  BreakerPermit(std::shared_ptr<internal::BreakerCore> core, std::uint64_t word,
                std::uint64_t lease, TimePoint entered) noexcept
      : core_(std::move(core)), word_(word), lease_(lease), entered_(entered) {}

  std::shared_ptr<internal::BreakerCore> core_;  // null once said
  std::uint64_t word_ = 0;                       // of the breaker's state, when it entered
  std::uint64_t lease_ = 0;
  TimePoint entered_{};
  Duration retry_after_{};
  Duration may_take_{};
  Duration took_{};
};

class Breaker {
 public:
  explicit Breaker(const BreakerOptions& options = {});
  explicit Breaker(std::string name);

  // Why it cannot be shared as its options say, or OK. Redis is not asked for that. One that cannot refuses everything, with this.
  Status status() const;

  // Never waits. The cheapest way to ask.
  BreakerPermit try_enter();
  // The same; a refusal is a Status of the cause kCircuitOpen, or status().
  Result<BreakerPermit> enter();
  // What such a Status says.
  Status refusal(Duration retry_after) const;

  // What `call` returns, or the refusal, as a Result. Where it returns a Status or a Result that is
  // none of success, or throws, it has failed.
  template <class Call>
  auto call(Call&& call);

  void force(BreakerMode mode);

  BreakerState state() const;
  BreakerStats stats() const;
  const BreakerOptions::Values& options() const noexcept;

 private:
  std::shared_ptr<internal::BreakerHome> home_;
};

namespace internal {

template <class T>
struct AsResult {
  using Type = Result<T>;
  static Cause cause(const T&) noexcept { return Cause::kNone; }
};
template <class T>
struct AsResult<Result<T>> {
  using Type = Result<T>;
  static Cause cause(const Type& result) noexcept { return result.status().cause(); }
};
template <>
struct AsResult<Status> {
  using Type = Status;
  static Cause cause(const Status& status) noexcept { return status.cause(); }
};

// Makes the call that `entered` permits, and says what came of it.
template <class Permit, class Call>
auto call_with(Result<Permit> entered, Call&& call) {
  using Returned = std::remove_cvref_t<std::invoke_result_t<Call>>;
  using As = AsResult<std::conditional_t<std::is_void_v<Returned>, Status, Returned>>;
  if (!entered.ok()) return typename As::Type(entered.status());
  Permit& permit = entered.value();
  try {
    if constexpr (std::is_void_v<Returned>) {
      std::forward<Call>(call)();
      permit.success();
      return Status();
    } else {
      Returned returned = std::forward<Call>(call)();
      permit.failure(As::cause(returned));
      return typename As::Type(std::move(returned));
    }
  } catch (...) {
    permit.failure(Cause::kCallableFailed);
    throw;
  }
}

}  // namespace internal

template <class Call>
auto Breaker::call(Call&& call) {
  return internal::call_with(enter(), std::forward<Call>(call));
}

}  // namespace tidegate
