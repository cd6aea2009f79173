// SPDX-License-Identifier: Apache-2.0
//
// Task<T>: a lazy coroutine that a loop runs; every flow of a service is one.
//
//   Task<Status> send(Gate& gate, Request request) {
//     auto permit = co_await gate.enter(request.priority);
//     if (!permit.ok()) co_return permit.status();
//     …
//   }
//
// A task does nothing until it is awaited by another task, or started as a Root (base/root.hpp). It
// runs in the Scope (base/scope.hpp) of whoever awaits it, which bounds and cancels it. Once
// started it runs to its end; a frame that is parked is never destroyed.
//
// gcc 12 destroys some temporaries of a statement with co_await twice, or does not compile it. All
// code here therefore has one form, "name it first, await it alone":
//
//   [const] type name = co_await operand;  |  co_await operand;
//   operand: name, std::move(name), or a call whose arguments are names, literals, arithmetic on
//            them, std::move(name), or calls of plain functions
//
// and no co_await stands in a condition, a return, a catch, or beside another one. Parameters are
// values, or pointers and references to what outlives the flow. tests/flows checks the form and
// lists what goes wrong without it.
//
// Not thread-safe: a task belongs to its loop. Cost: one allocation per task, and about 30 ns to
// await one that ends at once.
#pragma once

#include <cassert>
#include <coroutine>
#include <cstddef>
#include <exception>
#include <optional>
#include <utility>

#include "base/scope.hpp"

namespace tidegate::internal {

template <class T>
class Task;

// Frames that live on this thread; none when all flows have ended.
std::size_t live_frames() noexcept;

class PromiseBase {
 public:
  PromiseBase() noexcept = default;
  PromiseBase(const PromiseBase&) = delete;
  PromiseBase& operator=(const PromiseBase&) = delete;

  static void* operator new(std::size_t size);
  static void operator delete(void* frame, std::size_t size) noexcept;

  // Hands over to whoever awaits the task, or ends its root. Never destroys the frame.
  class Handover {
   public:
    Handover() noexcept {}
    Handover(const Handover&) = delete;
    Handover& operator=(const Handover&) = delete;
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    void await_suspend(std::coroutine_handle<Promise> ended) const noexcept {
      const PromiseBase& promise = ended.promise();
      Loop& loop = promise.scope_->loop();
      if (promise.root_) return loop.root_ended(*promise.root_);
      loop.resume_next(promise.continuation_);
    }
    void await_resume() const noexcept {}
  };

  std::suspend_always initial_suspend() const noexcept { return {}; }
  Handover final_suspend() const noexcept { return {}; }
  void unhandled_exception() noexcept { error_ = std::current_exception(); }

  Scope& scope() const noexcept { return *scope_; }
  void continue_with(Scope& scope, std::coroutine_handle<> continuation) noexcept {
    scope_ = &scope;
    continuation_ = continuation;
  }
  void run_as(Scope& scope, Root& root) noexcept {
    scope_ = &scope;
    root_ = &root;
  }
  std::exception_ptr take_error() noexcept { return std::exchange(error_, nullptr); }

 protected:
  ~PromiseBase() = default;
  void rethrow() const {
    if (error_) std::rethrow_exception(error_);
  }

 private:
  Scope* scope_ = nullptr;
  std::coroutine_handle<> continuation_;
  Root* root_ = nullptr;
  std::exception_ptr error_;
};

template <class T>
class Promise final : public PromiseBase {
 public:
  Task<T> get_return_object() noexcept;
  template <class U>
  void return_value(U&& value) {
    value_.emplace(std::forward<U>(value));
  }
  T take() {
    rethrow();
    return std::move(*value_);
  }

 private:
  std::optional<T> value_;
};

template <>
class Promise<void> final : public PromiseBase {
 public:
  Task<void> get_return_object() noexcept;
  void return_void() const noexcept {}
  void take() const { rethrow(); }
};

template <class T>
class [[nodiscard]] Task {
 public:
  using promise_type = Promise<T>;
  using Frame = std::coroutine_handle<promise_type>;

  Task() noexcept = default;
  explicit Task(Frame frame) noexcept : frame_(frame) {}
  Task(Task&& other) noexcept : frame_(std::exchange(other.frame_, nullptr)) {}
  Task& operator=(Task&& other) noexcept {
    std::swap(frame_, other.frame_);
    return *this;
  }
  ~Task() {
    if (frame_) frame_.destroy();
  }

  class Awaiter {
   public:
    explicit Awaiter(Frame frame) noexcept : frame_(frame) {}
    Awaiter(const Awaiter&) = delete;
    Awaiter& operator=(const Awaiter&) = delete;
    bool await_ready() const noexcept { return false; }
    template <class Parent>
    void await_suspend(std::coroutine_handle<Parent> parent) const noexcept {
      Scope& scope = parent.promise().scope();
      frame_.promise().continue_with(scope, parent);
      scope.loop().resume_next(frame_);
    }
    T await_resume() const { return frame_.promise().take(); }

   private:
    Frame frame_;
  };
  Awaiter operator co_await() && noexcept { return Awaiter(frame_); }

  Frame frame() const noexcept { return frame_; }

 private:
  Frame frame_;
};

template <class T>
Task<T> Promise<T>::get_return_object() noexcept {
  return Task<T>(Task<T>::Frame::from_promise(*this));
}
inline Task<void> Promise<void>::get_return_object() noexcept {
  return Task<void>(Task<void>::Frame::from_promise(*this));
}

// The scope of the flow that asks: Scope& scope = co_await this_scope();
class ThisScope {
 public:
  ThisScope() noexcept {}
  ThisScope(const ThisScope&) = delete;
  ThisScope& operator=(const ThisScope&) = delete;
  bool await_ready() const noexcept { return false; }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> asking) noexcept {
    scope_ = &asking.promise().scope();
    return false;
  }
  Scope& await_resume() const noexcept { return *scope_; }

 private:
  Scope* scope_ = nullptr;
};
inline ThisScope this_scope() noexcept { return {}; }

// Awaits `task` in a scope of its own that ends at `deadline`, if that is earlier than what bounds
// the flow already. The task learns of it as of any cancel, with the reason kDeadline.
template <class T>
class WithDeadline {
 public:
  WithDeadline(Deadline deadline, Task<T> task) noexcept
      : deadline_(deadline), task_(std::move(task)) {}
  WithDeadline(const WithDeadline&) = delete;
  WithDeadline& operator=(const WithDeadline&) = delete;
  bool await_ready() const noexcept { return false; }
  template <class Parent>
  void await_suspend(std::coroutine_handle<Parent> parent) noexcept {
    Scope& scope = scope_.emplace(parent.promise().scope(), deadline_);
    task_.frame().promise().continue_with(scope, parent);
    scope.loop().resume_next(task_.frame());
  }
  T await_resume() {
    scope_.reset();
    return task_.frame().promise().take();
  }

 private:
  const Deadline deadline_;
  Task<T> task_;
  std::optional<Scope> scope_;
};
template <class T>
WithDeadline<T> with_deadline(Deadline deadline, Task<T> task) noexcept {
  return WithDeadline<T>(deadline, std::move(task));
}

}  // namespace tidegate::internal
