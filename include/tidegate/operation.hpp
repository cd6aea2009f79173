// SPDX-License-Identifier: Apache-2.0
//
// Operation<T>: one piece of work in flight. Every verb of tidegate that may wait returns one, and
// each ends exactly once, with a value or a Status: by its result, its deadline, cancel(), or
// shutdown(), whichever claims it first. Four ways to learn of the end:
//
//   auto cars = db.query("SELECT …").timeout(15s).start();
//   auto answer = cars.wait();                   // 1 block; bounded by its own deadline
//   cars.on_done([](const auto& answer) { … });  // 2 a callback, on a dispatcher's thread
//   auto answer = co_await cars;                 // 3 in a coroutine: a named operation only
//   queue.add(cars, 7); poll(queue.fd());        // 4 any event loop: queue.hpp
//
// Thread-safety: all members may be called from any thread, at the same time. Copying an Operation
// copies a handle to the same work. Dropping the last handle neither cancels nor waits. Cost:
// done() is one atomic load.
//
// A value that can only be moved, such as a permit, is for the first who asks for it; of the others
// each gets kBadArgument.
//
// After fork() the child's copy of an operation that was in flight never ends; there wait() answers
// kClosed at once.
//
// co_await: gcc 12 destroys some temporaries of a co_await expression twice, so that a temporary
// operation cannot be awaited: give it a name first. The coroutine goes on on the dispatcher of
// resume_on(), else on callback_thread().
#pragma once

#include <atomic>
#include <coroutine>
#include <cstdint>
#include <functional>
#include <type_traits>
#include <utility>

#include "tidegate/deadline.hpp"
#include "tidegate/dispatcher.hpp"
#include "tidegate/ref.hpp"
#include "tidegate/status.hpp"

namespace tidegate {

namespace internal {

class OperationState;

// Somebody who wants to know that an operation has ended. completed() is called exactly once, on
// the thread that ended the operation or, where it has ended already, on the one that adds the
// consumer; it must only hand over.
class Consumer {
 public:
  virtual ~Consumer() = default;
  virtual void completed(OperationState& operation) noexcept = 0;

 private:
  friend class OperationState;
  Consumer* next_ = nullptr;
};

// What every operation shares, whatever its result: the claim, the end, the waiters, the consumers.
class OperationState : public RefCounted {
 public:
  OperationState() noexcept;
  bool done() const noexcept { return (word_.load(std::memory_order_acquire) & kDone) != 0; }
  bool claimed() const noexcept { return (word_.load(std::memory_order_relaxed) & kClaimed) != 0; }

  // False in a child process for an operation that was in flight when it was forked.
  bool alive() const noexcept;

  // Blocks until the end or `until`; true if it has ended.
  bool wait_until(Deadline until) const noexcept;

  // Takes ownership of `consumer` until it has been called; completed() deletes it.
  void add_consumer(Consumer* consumer) noexcept;

  // Asks for the end. Never blocks; harmless after the end.
  virtual void cancel() noexcept = 0;

  // The Result<T>, or HandedOver<T> where a T cannot be copied. REQUIRES: done().
  virtual const void* result() const noexcept = 0;

  // True for exactly one caller: it writes the result and then calls publish().
  bool claim() noexcept {
    return (word_.fetch_or(kClaimed, std::memory_order_acq_rel) & kClaimed) == 0;
  }
  void publish() noexcept;

 protected:
  ~OperationState() override = default;

 private:
  static constexpr std::uint32_t kClaimed = 1, kDone = 2, kSleeper = 4;

  mutable std::atomic<std::uint32_t> word_{0};
  std::atomic<Consumer*> consumers_{nullptr};
  const std::uint64_t generation_;
};

using OperationRef = Ref<OperationState>;

// The Result of an operation whose value can only be moved: the first who asks has the value.
template <class T>
class HandedOver {
 public:
  explicit HandedOver(Result<T> result) noexcept : result_(std::move(result)) {}

  // Whether there was a value, whoever has it.
  const Result<T>& peek() const noexcept { return result_; }
  Result<T> take() const noexcept {
    if (!result_.ok()) return result_.status();
    if (!taken_.exchange(true, std::memory_order_acq_rel)) return std::move(result_);
    return Status(Cause::kBadArgument, "somebody else has the operation's value");
  }

 private:
  mutable std::atomic<bool> taken_{false};
  mutable Result<T> result_;
};

// The Result<T> of an operation that has ended.
template <class T>
decltype(auto) result_of(const OperationState& state) {
  if constexpr (std::is_copy_constructible_v<T>) {
    return *static_cast<const Result<T>*>(state.result());
  } else {
    return static_cast<const HandedOver<T>*>(state.result())->take();
  }
}

void call_when_done(OperationState& state, Dispatcher* dispatcher, std::function<void()> work);

}  // namespace internal

template <class T>
class [[nodiscard]] Operation {
 public:
  using value_type = T;

  // An operation that has nothing behind it: wait() answers kBadArgument.
  Operation() noexcept = default;
  explicit Operation(internal::OperationRef state) noexcept : state_(std::move(state)) {}

  bool done() const noexcept { return state_ && state_->done(); }

  // Blocks until the end, which its own deadline bounds.
  Result<T> wait() const { return wait(Deadline::never()); }

  // Blocks for at most `timeout`; then kNotReady, and the operation goes on.
  Result<T> wait(Duration timeout) const { return wait(Deadline::after(timeout)); }

  Result<T> wait(Deadline until) const {
    if (!state_) return Status(Cause::kBadArgument, "waited for an empty operation");
    if (state_->wait_until(until)) return internal::result_of<T>(*state_.get());
    if (!state_->alive())
      return Status(Cause::kClosed, "the operation belongs to the process before the fork");
    return Status(Cause::kNotReady, "the wait ended before the operation, which goes on");
  }

  // Asks the work to stop; the operation then ends with kCancelled unless its end was already
  // decided. The work is really stopped where the engine can (SQLite: within 1,000 steps).
  // Idempotent, never blocks.
  void cancel() const noexcept {
    if (state_) state_->cancel();
  }

  // Calls `work(const Result<T>&)` once, on the dispatcher's thread, also after a cancel. Any
  // number may be added.
  template <class F>
  void on_done(Dispatcher& dispatcher, F work) const {
    if (!state_) return;
    internal::call_when_done(*state_.get(), &dispatcher,
                             [state = state_, work = std::move(work)]() mutable {
                               work(internal::result_of<T>(*state.get()));
                             });
  }
  template <class F>
  void on_done(F work) const {
    on_done(callback_thread(), std::move(work));
  }

  // Where a coroutine that awaits this handle goes on.
  Operation& resume_on(Dispatcher& dispatcher) & noexcept {
    resume_on_ = &dispatcher;
    return *this;
  }

  class Awaiter {
   public:
    explicit Awaiter(const Operation& operation) noexcept : operation_(operation) {}
    Awaiter(const Awaiter&) = delete;
    Awaiter& operator=(const Awaiter&) = delete;
    bool await_ready() const noexcept { return !operation_.state_ || operation_.done(); }
    void await_suspend(std::coroutine_handle<> handle) const {
      // The last act here: the coroutine may already run elsewhere when this returns.
      internal::call_when_done(*operation_.state_.get(), operation_.resume_on_,
                               [handle] { handle.resume(); });
    }
    Result<T> await_resume() const { return operation_.wait(); }

   private:
    const Operation& operation_;
  };

  Awaiter operator co_await() const& noexcept { return Awaiter(*this); }
  Awaiter operator co_await() && = delete;
  Awaiter operator co_await() const&& = delete;

  const internal::OperationRef& state() const noexcept { return state_; }

 private:
  internal::OperationRef state_;
  Dispatcher* resume_on_ = nullptr;
};

}  // namespace tidegate
