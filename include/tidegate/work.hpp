// SPDX-License-Identifier: Apache-2.0
//
// What the executor runs: a Work carries a callable or a query to a lane's thread and its result
// back. Users of the library meet StopSignal, which a callable may ask whether anybody still wants
// its result; the rest is internal and may change at any time.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>

#include "tidegate/answer.hpp"
#include "tidegate/operation.hpp"

namespace tidegate {

// Tells work that nobody waits for it any more: its deadline has passed, it was cancelled, or the
// runtime shuts down. Long-running callables should ask now and then and return; what they return
// is dropped. One atomic load and, until then, one clock read. Valid while the callable runs.
class StopSignal {
 public:
  StopSignal(const internal::OperationState& operation, Deadline deadline) noexcept
      : operation_(operation), deadline_(deadline) {}
  bool stopped() const noexcept { return operation_.claimed() || deadline_.passed(); }
  Deadline deadline() const noexcept { return deadline_; }

 private:
  const internal::OperationState& operation_;
  Deadline deadline_;
};

namespace internal {

class Session;  // what a blocking engine keeps for each thread: lib/base/ports/engine.hpp

// One piece of work and the place of its result.
//   run()     once at most, on a thread of the lane; keeps its value to itself
//   settle()  exactly once, on the thread that claimed the operation; OK takes run()'s value, else
//             the fallback or the failure itself (a cancelled call has no fallback). It may come
//             while run() still runs, and then leaves run()'s value alone.
class Work {
 public:
  virtual ~Work() = default;
  virtual Status run(Session* session, const StopSignal& stop) = 0;
  virtual void settle(const Status& outcome, const Timings& timings) noexcept = 0;
  virtual const void* result() const noexcept = 0;
};

template <class T>
class TypedWork : public Work {
 public:
  void settle(const Status& outcome, const Timings& timings) noexcept override {
    if (outcome.ok() && value_) {
      result_.emplace(Answer<T>(std::move(*value_), Source::kFresh, timings));
    } else if (fallback && outcome.cause() != Cause::kCancelled) {
      result_.emplace(Answer<T>(std::move(*fallback), Source::kDefault, timings, outcome));
    } else {
      result_.emplace(outcome.with_elapsed(timings.elapsed()));
    }
  }
  const void* result() const noexcept override { return &*result_; }

  std::optional<T> fallback;

 protected:
  std::optional<T> value_;

 private:
  std::optional<Result<Answer<T>>> result_;
};

// What calling a callable of the user's gives: it may take a StopSignal or nothing, and return a T,
// a Result<T> or nothing (then T is std::monostate).
template <class F>
decltype(auto) invoke_callable(F& callable, const StopSignal& stop) {
  if constexpr (std::is_invocable_v<F&, const StopSignal&>) {
    return callable(stop);
  } else {
    return callable();
  }
}
template <class R>
struct ValueOf {
  using type = R;
};
template <class T>
struct ValueOf<Result<T>> {
  using type = T;
};
template <>
struct ValueOf<void> {
  using type = std::monostate;
};
template <class F>
using ReturnOf = decltype(invoke_callable(std::declval<F&>(), std::declval<const StopSignal&>()));
template <class F>
using CallableValue = typename ValueOf<std::remove_cvref_t<ReturnOf<F>>>::type;

template <class F>
class CallableWork final : public TypedWork<CallableValue<F>> {
 public:
  explicit CallableWork(F callable) : callable_(std::move(callable)) {}

  // An exception of the callable's is caught by the lane and becomes kCallableFailed.
  Status run(Session*, const StopSignal& stop) override {
    if constexpr (std::is_void_v<ReturnOf<F>>) {
      invoke_callable(callable_, stop);
      this->value_.emplace();
    } else {
      Result<CallableValue<F>> result = invoke_callable(callable_, stop);
      if (!result.ok()) return result.status();
      this->value_.emplace(std::move(result).value());
    }
    return Status();
  }

 private:
  F callable_;
};

// The second chance of a call: it learns how the first ended before it runs.
class SecondWork : public Work {
 public:
  // True where it has to run. `result` is the first's.
  virtual bool is_wanted_after(const void* result) = 0;
};

// Yields what `make` makes of the first failure, marked kDefault; if that fails too, the first
// failure itself.
template <class T>
class FallbackWork final : public SecondWork {
 public:
  explicit FallbackWork(std::function<Result<T>(const Status&)> make) : make_(std::move(make)) {}
  bool is_wanted_after(const void* result) override {
    const auto& first = *static_cast<const Result<Answer<T>>*>(result);
    if (!first.ok()) {
      reason_ = first.status();
    } else if (first->source == Source::kDefault) {
      reason_ = first->reason;
    }
    return !reason_.ok() && reason_.cause() != Cause::kCancelled &&
           reason_.cause() != Cause::kClosed;
  }
  Status run(Session*, const StopSignal&) override {
    Result<T> made = make_(reason_);
    if (!made.ok()) return made.status();
    value_.emplace(std::move(made).value());
    return Status();
  }
  void settle(const Status& outcome, const Timings& timings) noexcept override {
    if (outcome.ok() && value_) {
      result_.emplace(Answer<T>(std::move(*value_), Source::kDefault, timings, reason_));
    } else {
      result_.emplace(reason_);
    }
  }
  const void* result() const noexcept override { return &*result_; }

 private:
  std::function<Result<T>(const Status&)> make_;
  Status reason_;
  std::optional<T> value_;
  std::optional<Result<Answer<T>>> result_;
};

struct LaneRef;  // lib/query/lane_ref.hpp

struct Submission {
  std::shared_ptr<LaneRef> lane;
  std::unique_ptr<Work> work;
  std::string label;
  Deadline deadline = Deadline::never();  // absolute; the earlier of the two counts
  std::optional<Duration> timeout;        // from submission; the executor's default if empty
};

// Never blocks, and answers with an operation in every case, refusals included.
OperationRef submit(Submission submission);

// By when a call has to end.
Deadline whole_deadline(const LaneRef& lane, Deadline deadline, std::optional<Duration> timeout);

// `begin(deadline)`, and where that has nothing better than a fallback, `second` in a lane of its
// own; a tenth of the time until `whole`, half a second at most, is kept back for it.
OperationRef start_with_fallback(const LaneRef& lane, const std::string& label, Deadline whole,
                                 const std::function<OperationRef(Deadline)>& begin,
                                 std::unique_ptr<SecondWork> second);

}  // namespace internal
}  // namespace tidegate
