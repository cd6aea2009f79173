// SPDX-License-Identifier: Apache-2.0
//
// HttpPool: who may have a connection, and who waits for one.
//
//   HttpSlot slot = co_await pool.enter(origin, until);
//   if (!slot.held()) …                        // slot.refused() says why
//
// At most `most` slots are out, `most_per_origin` of them for one origin. Who finds none stands in
// the one queue of its origin, first come first served, until a time. A slot that comes back goes to
// the origins that wait and may have one more, in turns: one origin with a thousand waiting does
// not keep the others out, and one at its own bound does not hold them up. At most `most_waiting`
// wait in all. That is Overflow::kWait; with kOpen nobody waits, whatever is out, and with kFail
// who finds none is refused.
//
// A slot is handed over before its flow goes on, so that nobody can overtake it; its destructor
// gives it back whatever became of the flow. On the loop's thread. Cost: two list operations, and
// one look into a hash table.
#pragma once

#include <cstddef>
#include <string>
#include <unordered_map>
#include <utility>

#include "base/metrics.hpp"
#include "base/scope.hpp"
#include "tidegate/http.hpp"

namespace tidegate::internal {

struct HttpPoolLimits {
  std::size_t most = 0;
  std::size_t most_per_origin = 0;
  std::size_t most_waiting = 0;
  std::size_t most_idle = 0;  // of connections, which the transport keeps
  Overflow overflow = Overflow::kWait;
};

class HttpPool;

class HttpOrigin : private ListNode<HttpOrigin> {
 public:
  HttpOrigin() = default;
  class Enter;

 private:
  friend class HttpPool;
  friend class IntrusiveList<HttpOrigin>;
  const std::string* name_ = nullptr;
  std::size_t out_ = 0;
  IntrusiveList<Enter> waiting_;
};

class [[nodiscard]] HttpSlot {
 public:
  HttpSlot(HttpPool& pool, HttpOrigin& origin) noexcept : pool_(&pool), origin_(&origin) {}
  explicit HttpSlot(Cause refused) noexcept : refused_(refused) {}
  HttpSlot(HttpSlot&& other) noexcept
      : pool_(std::exchange(other.pool_, nullptr)),
        origin_(other.origin_),
        refused_(other.refused_) {}
  HttpSlot& operator=(HttpSlot&&) = delete;
  ~HttpSlot();

  bool held() const noexcept { return pool_ != nullptr; }
  // kPoolTimeout, kQueueFull, or why the scope was cancelled.
  Cause refused() const noexcept { return refused_; }

 private:
  HttpPool* pool_ = nullptr;
  HttpOrigin* origin_ = nullptr;
  Cause refused_ = Cause::kNone;
};

class HttpOrigin::Enter final : public Leaf, private Timer, private ListNode<HttpOrigin::Enter> {
 public:
  Enter(HttpPool& pool, HttpOrigin& origin, Deadline until) noexcept
      : pool_(pool), origin_(origin), until_(until) {}
  Enter(const Enter&) = delete;
  Enter& operator=(const Enter&) = delete;
  ~Enter() override;

  bool await_ready() const noexcept { return false; }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> flow) noexcept {
    return wait(flow.promise().scope(), flow);
  }
  HttpSlot await_resume() noexcept {
    if (!std::exchange(granted_, false)) return HttpSlot(outcome());
    return HttpSlot(pool_, origin_);
  }

 private:
  friend class tidegate::internal::HttpPool;
  friend class IntrusiveList<Enter>;

  bool wait(Scope& scope, std::coroutine_handle<> flow) noexcept;
  void grant() noexcept;
  void fired() noexcept override;
  void on_cancel() noexcept override;

  HttpPool& pool_;
  HttpOrigin& origin_;
  const Deadline until_;
  bool granted_ = false;
};

class HttpPool {
 public:
  HttpPool(const HttpPoolLimits& limits, Gauge& waiting) noexcept
      : limits_(limits), waiting_gauge_(waiting) {}
  HttpPool(const HttpPool&) = delete;
  HttpPool& operator=(const HttpPool&) = delete;

  // Waits for a slot, at most until `until`. To be awaited at once.
  HttpOrigin::Enter enter(const std::string& origin, Deadline until);
  // One that is free now, or kQueueFull.
  HttpSlot try_enter(const std::string& origin);

  const HttpPoolLimits& limits() const noexcept { return limits_; }
  std::size_t out() const noexcept { return out_; }
  std::size_t waiting() const noexcept { return waiting_; }
  // Origins that have a slot out or somebody waiting.
  std::size_t origins() const noexcept { return origins_.size(); }

 private:
  friend class HttpSlot;
  friend class HttpOrigin::Enter;

  bool lets_in(const HttpOrigin& origin) const noexcept {
    return limits_.overflow == Overflow::kOpen || (out_ < limits_.most && has_room(origin));
  }
  bool may_wait() const noexcept {
    return limits_.overflow == Overflow::kWait && waiting_ < limits_.most_waiting;
  }
  bool has_room(const HttpOrigin& origin) const noexcept {
    return origin.out_ < limits_.most_per_origin;
  }
  HttpOrigin& place_of(const std::string& origin);
  void take(HttpOrigin& origin) noexcept;
  void give_back(HttpOrigin& origin) noexcept;
  void hand_out() noexcept;
  void queue(HttpOrigin::Enter& enter) noexcept;
  void leave(HttpOrigin::Enter& enter) noexcept;
  void forget_if_idle(HttpOrigin& origin) noexcept;

  // Invariant: an origin is in turns_ exactly while somebody waits for it and it has room; while one
  // is, no slot is free.
  const HttpPoolLimits limits_;
  Gauge& waiting_gauge_;
  std::unordered_map<std::string, HttpOrigin> origins_;
  IntrusiveList<HttpOrigin> turns_;
  std::size_t out_ = 0;
  std::size_t waiting_ = 0;
};

}  // namespace tidegate::internal
