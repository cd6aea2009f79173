// SPDX-License-Identifier: Apache-2.0
//
// RetryPolicy: whether and when what has failed is tried again.
//
//   tidegate::Client http(tidegate::ClientOptions().retry(
//       tidegate::RetryPolicy().attempts(3).backoff(200ms, 5s)));
//   http.get(url).retry(tidegate::RetryPolicy::none()).start();
//
// What is tried again
//   * An answer with one of `statuses`, and a failure that another attempt may not meet: no
//     connection, a lost one, a time that an attempt has and the call goes beyond.
//   * Only what may be done twice: GET, HEAD, OPTIONS, PUT, DELETE, TRACE, what has an
//     Idempotency-Key, and what says idempotent(true). Others only where nothing was sent, because
//     there was no connection; or all, with every_method(true), but for what says idempotent(false).
//   * Not what is refused here or for good: a bad argument, a server that is not to be trusted, an
//     answer that is no HTTP or too large.
//
// When
//   * After a pause drawn evenly from zero to backoff × 2^n ("full jitter"). Where the answer says
//     Retry-After (or retry-after-ms), that much later. One that asks for more than
//     `max_retry_after` is not tried again.
//   * Never past the deadline: where the pause would reach it, the outcome is there at once.
//   * Within a budget that all calls of one client share, so that a service that is down does not
//     get four times its load: 20 of 100 calls may have another attempt, and 3 in a second; 100 are
//     saved up. A request that libcurl sent again over a new connection counts as one.
//
// The outcome is that of the last attempt: its answer, whatever its status, or its failure. Both
// have a line for each attempt.
//
// A value; any thread. Setters bring what is out of range into it.
//
// Retries: the same rules for calls that are not this library's, as Python's `tg.retry` has them:
//
//   tidegate::Retries retries(tidegate::RetryPolicy().attempts(3));
//   retries.call();
//   const auto next = retries.failed(1, "ConnectionError", took, std::nullopt, now, deadline);
//   if (next.again) …                    // after next.pause
//
// It neither waits nor looks at a clock. Any thread.
//
// RetryBudget: how many extra attempts several callers may make together, for those who ask one
// service: a few clients, retries, or code that repeats something by itself.
//
//   const tidegate::RetryBudget budget(0.1);      // one attempt more for ten calls, and 3 in a second
//   auto policy = tidegate::RetryPolicy().budget(budget);    // of this client, and of the next
//   budget.call();                                // or by hand: a call begins
//   if (failed && budget.try_take()) …            // it may be made once more
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tidegate/config.hpp"
#include "tidegate/deadline.hpp"
#include "tidegate/headers.hpp"

namespace tidegate {

// A bucket that each call fills with a share of an attempt, and time with so many in a second; it
// begins full. A handle: copies share one bucket, and are equal. Any thread; never blocks, and costs
// some dozens of nanoseconds. Counts in one process: in a child made by fork() it begins anew.
class RetryBudget {
 public:
  // Numbers out of range are brought into it. With less than 1 to hold it never gives anything.
  explicit RetryBudget(double share = 0.2, double per_second = 3, double holds = 100);

  // A call begins, which may need further attempts.
  void call() const;
  // Takes one for a further attempt that is to be made now. False: what there is, is the outcome.
  bool try_take(TimePoint now = Deadline::now()) const;
  // Gives back one that was taken for an attempt that is not made.
  void put_back() const;
  // Takes one for an attempt that was made without asking; never below zero.
  void charge(TimePoint now = Deadline::now()) const;
  // How many further attempts there may be at once.
  double left(TimePoint now = Deadline::now()) const;

  bool operator==(const RetryBudget&) const = default;

 private:
  class Home;
  std::shared_ptr<Home> home_;
};

class RetryPolicy {
 public:
  struct Values {
    int attempts = 4;
    Duration backoff = std::chrono::milliseconds(100);
    Duration max_backoff = std::chrono::seconds(10);
    std::vector<int> statuses{429, 500, 502, 503, 504};
    bool every_method = false;
    Duration max_retry_after = std::chrono::seconds(60);
    double budget = 0.2;
    double budget_per_second = 3;
    double budget_most = 100;
    std::optional<RetryBudget> shared_budget{};  // in place of one of these three

    bool operator==(const Values&) const = default;
  };

  // One attempt and no more.
  static RetryPolicy none() { return RetryPolicy().attempts(1); }
  // The settings retry.*.
  static RetryPolicy from(const Config& config);
  static RetryPolicy from(const Service& service);

  // How often it is tried at most, the first time included.
  RetryPolicy& attempts(int count);
  // The bound of the first pause, and that of every one.
  RetryPolicy& backoff(Duration first, Duration longest);
  RetryPolicy& statuses(std::vector<int> statuses);
  // Whether a POST, or what else is not idempotent, may be tried again as well: a server may then act
  // on one twice.
  RetryPolicy& every_method(bool may_be_tried_again);
  RetryPolicy& max_retry_after(Duration longest);
  // Extra attempts: `share` of a call's, and so many in a second; at most `most` are saved up. A
  // client's counts, not a request's.
  RetryPolicy& budget(double share, double per_second, double most);
  // One that several clients share.
  RetryPolicy& budget(RetryBudget shared);

  const Values& values() const noexcept { return values_; }

 private:
  Values values_;
};

// What many calls share: a policy and its budget.
class Retries {
 public:
  struct Next {
    bool again = false;
    Duration pause{};
    std::string line;  // for a history: what the attempt came to, and what follows or why nothing
  };

  explicit Retries(const RetryPolicy& policy);
  Retries(Retries&&) noexcept;
  Retries& operator=(Retries&&) noexcept;
  ~Retries();

  // When a server wants to be asked again that says so in retry-after-ms or else in Retry-After, in
  // seconds or as a date; or, of a 429 or 503 without these, in the fields of the RateLimit family,
  // when nothing is left of a limit. Nothing where it does not say.
  static std::optional<Duration> asked(const Headers& headers, int status) noexcept;

  // A call begins.
  void call();
  // Its attempt of that number, counted from 1, failed by `what` in a way that another may not, and
  // took so long; `asked` is when the other side wants to be asked again. Takes from the budget if
  // there is to be another.
  Next failed(int attempt, std::string_view what, Duration took, std::optional<Duration> asked,
              TimePoint now, Deadline deadline);

  // What call() and failed() count in: the policy's, or its own.
  const RetryBudget& budget() const noexcept;

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace tidegate
