// SPDX-License-Identifier: Apache-2.0
//
// Line: flows that go one after another, first come first served.
//
//   const LineHead head = co_await line.enter();
//   if (!head.held()) …                     // head.refused(): why the scope was cancelled
//   …                                       // the only one here, until `head` is destroyed
//
// The head is handed over before its flow goes on, so that nobody can overtake it. Who is cancelled
// while it waits leaves in O(1), and nothing of it stays. On the loop's thread.
#pragma once

#include <utility>

#include "base/scope.hpp"

namespace tidegate::internal {

class Line;

class [[nodiscard]] LineHead {
 public:
  explicit LineHead(Line& line) noexcept : line_(&line) {}
  explicit LineHead(Cause refused) noexcept : refused_(refused) {}
  LineHead(LineHead&& other) noexcept
      : line_(std::exchange(other.line_, nullptr)), refused_(other.refused_) {}
  LineHead& operator=(LineHead&&) = delete;
  ~LineHead();

  bool held() const noexcept { return line_ != nullptr; }
  Cause refused() const noexcept { return refused_; }

 private:
  Line* line_ = nullptr;
  Cause refused_ = Cause::kNone;
};

class Line {
 public:
  class Enter final : public Leaf, private ListNode<Enter> {
   public:
    explicit Enter(Line& line) noexcept : line_(line) {}
    Enter(const Enter&) = delete;
    Enter& operator=(const Enter&) = delete;
    ~Enter() override {
      if (granted_) line_.next();
    }

    bool await_ready() const noexcept { return false; }
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> flow) noexcept {
      return wait(flow.promise().scope(), flow);
    }
    LineHead await_resume() noexcept {
      if (!std::exchange(granted_, false)) return LineHead(outcome());
      return LineHead(line_);
    }

   private:
    friend class Line;
    friend class IntrusiveList<Enter>;

    bool wait(Scope& scope, std::coroutine_handle<> flow) noexcept {
      refuse(scope.reason());
      if (!scope.ok()) return false;
      if (!line_.busy_) {
        granted_ = line_.busy_ = true;
        return false;
      }
      park(scope, flow);
      line_.waiting_.push_back(*this);
      return true;
    }
    void on_cancel() noexcept override { ListNode<Enter>::unlink(); }

    Line& line_;
    bool granted_ = false;
  };

  // To be awaited at once.
  Enter enter() noexcept { return Enter(*this); }

 private:
  friend class LineHead;

  void next() noexcept {
    busy_ = !waiting_.empty();
    if (!busy_) return;
    Enter& head = *waiting_.pop_front();
    head.granted_ = true;
    head.complete(Cause::kNone);
  }

  // Invariant: somebody waits only while it is busy.
  IntrusiveList<Enter> waiting_;
  bool busy_ = false;
};

inline LineHead::~LineHead() {
  if (line_) line_->next();
}

}  // namespace tidegate::internal
