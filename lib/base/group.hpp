// SPDX-License-Identifier: Apache-2.0
//
// Group: flows beside each other inside one flow, for a hedge or a fan-out. Each child has a scope
// of its own below that of the flow, so that what ends the flow ends its children.
//
//   Task<Status> race(Group& group, Race* race) {
//     group.spawn(attempt(&race->first));
//     const int winner = co_await group.next(hedge_at);    // kNobody: the time came
//     if (winner == Group::kNobody) group.spawn(attempt(&race->second));
//     …
//   }                                                      // the losers are cancelled and joined
//   auto task = with_group(race, &attempts);
//   const Status status = co_await std::move(task);
//
// Children write their results where they are told to: to the caller's, never to a local of the
// flow with the group, which is gone when the losers end. A group is joined before it dies, also
// when an exception passes: with_group() sees to that, and is the only way to have one. An exception
// of a child's is thrown from with_group().
#pragma once

#include <cassert>
#include <deque>
#include <exception>
#include <utility>

#include "base/root.hpp"

namespace tidegate::internal {

class Group {
 public:
  static constexpr int kNobody = -1;

  explicit Group(Scope& scope) : scope_(scope) {}
  Group(const Group&) = delete;
  Group& operator=(const Group&) = delete;
  ~Group() { assert(running_ == 0); }

  // The child's number, from 0. It begins in a later turn.
  int spawn(Task<void> flow);

  // Cancels one child, or all.
  void cancel(int child) noexcept { children_[static_cast<std::size_t>(child)].cancel(); }
  void cancel() noexcept;

  // Parks until a child has ended that was not yet seen; its number. kNobody where the time has
  // come, all have been seen, or the scope was cancelled.
  class Next;
  Next next(Deadline until) noexcept;

  // Parks until all children have ended. A cancel does not cut it short: it ends the children.
  class Join;
  Join join() noexcept;

 private:
  class Child final : public Root {
   public:
    Child(Group& group, Scope& parent, Task<void> flow) noexcept : Root(parent), group_(group) {
      start(std::move(flow));
    }
    void cancel() noexcept { scope().cancel(Cause::kCancelled); }
    bool has_ended = false;
    bool was_seen = false;

   private:
    void ended(std::exception_ptr error) noexcept override;
    Group& group_;
  };

  int take_unseen() noexcept;

  Scope& scope_;
  std::deque<Child> children_;
  std::size_t running_ = 0;
  std::exception_ptr error_;
  Next* waits_next_ = nullptr;
  Join* waits_join_ = nullptr;

  friend class Next;
  friend class Join;
};

class Group::Next final : public Leaf, private Timer {
 public:
  Next(Group& group, Deadline until) noexcept : group_(group), until_(until) {}
  Next(const Next&) = delete;
  Next& operator=(const Next&) = delete;
  bool await_ready() const noexcept { return false; }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> waiter) noexcept {
    return wait(waiter.promise().scope(), waiter);
  }
  int await_resume() const noexcept { return winner_; }

 private:
  friend class Group;
  bool wait(Scope& scope, std::coroutine_handle<> waiter) noexcept;
  void child_ended() noexcept;
  void fired() noexcept override { give_up(); }
  void on_cancel() noexcept override;
  void give_up() noexcept;

  Group& group_;
  const Deadline until_;
  int winner_ = kNobody;
};

class Group::Join final : public Leaf {
 public:
  explicit Join(Group& group) noexcept : group_(group) {}
  Join(const Join&) = delete;
  Join& operator=(const Join&) = delete;
  bool await_ready() const noexcept { return group_.running_ == 0; }
  template <class Promise>
  void await_suspend(std::coroutine_handle<Promise> waiter) noexcept {
    group_.waits_join_ = this;
    park_uninterrupted(waiter.promise().scope(), waiter);
  }
  void await_resume() const {
    if (group_.error_) std::rethrow_exception(group_.error_);
  }

 private:
  friend class Group;
  void on_cancel() noexcept override {}
  void child_ended() noexcept { complete(Cause::kNone); }
  Group& group_;
};

inline Group::Next Group::next(Deadline until) noexcept { return Next(*this, until); }
inline Group::Join Group::join() noexcept { return Join(*this); }

// Runs `flow(group, arguments…)`, then cancels and joins what it left running.
template <class T, class... Parameters, class... Arguments>
Task<T> with_group(Task<T> (*flow)(Group&, Parameters...), Arguments... arguments) {
  Scope& scope = co_await this_scope();
  Group group(scope);
  std::optional<T> value;
  std::exception_ptr error;
  try {
    auto task = flow(group, std::move(arguments)...);
    auto result = co_await std::move(task);
    value.emplace(std::move(result));
  } catch (...) {
    error = std::current_exception();
  }
  group.cancel();
  co_await group.join();
  if (error) std::rethrow_exception(error);
  co_return std::move(*value);
}

}  // namespace tidegate::internal
