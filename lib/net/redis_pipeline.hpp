// SPDX-License-Identifier: Apache-2.0
//
// RedisPipeline: which reply belongs to whom. Redis answers in the order in which it was asked, so
// commands stand in a line, and every reply is that of the first of them.
//
//   RedisCall call(line, until);
//   append_get(line.out().bytes, name);
//   append_pttl(line.out().bytes, name);
//   line.expect(call, 2);
//   const Cause woken = co_await call;              // kNone: both are there, or call.failure()
//
// A call that does not wait any longer (it was cancelled, or its time has come) leaves its place in
// the line: its replies still come, and are dropped there. So no reply ever reaches somebody else.
//
// Knows neither socket nor server. On the loop's thread. Cost: no allocation but the queue's own.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>

#include "base/scope.hpp"
#include "net/redis_metrics.hpp"
#include "net/redis_reply.hpp"
#include "net/redis_wire.hpp"

namespace tidegate::internal {

class RedisCall;

class RedisPipeline {
 public:
  struct Limits {
    std::size_t calls;
    std::size_t bytes;   // of commands that are not answered
    std::size_t unsent;  // of those, what the socket has not taken
  };

  RedisPipeline(const Limits& limits, RedisMetrics& metrics) : limits_(limits), metrics_(metrics) {}
  RedisPipeline(const RedisPipeline&) = delete;
  RedisPipeline& operator=(const RedisPipeline&) = delete;
  ~RedisPipeline() { fail(Status(Cause::kClosed, "the Redis client is gone")); }

  // OK where commands of `bytes` may be appended; kSaturated where too much is under way.
  Status admit(std::size_t bytes) const;
  RedisOutbox& out() noexcept { return out_; }
  // What was appended since the last expect() is answered by `replies` to `call`.
  void expect(RedisCall& call, std::size_t replies);
  // Before anything is appended or sent: what was appended without an expect(), because memory ended
  // in between, has no place in the line and is never sent.
  void drop_unexpected() noexcept { out_.truncate(expected_until_); }

  // The next reply has come: kDecode where none is due, because nothing was asked or sent.
  Status take(RedisReply reply);
  // All that are in the line end with it, and nothing of it is sent any more. The sentence tells
  // those whose commands were sent that they may have been carried out.
  void fail(const Status& why) noexcept;

  bool empty() const noexcept { return line_.empty(); }
  std::size_t calls() const noexcept { return line_.size(); }
  std::size_t bytes() const noexcept { return bytes_; }
  // Calls that somebody waits for.
  std::size_t waited_for() const noexcept { return waited_for_; }
  // A reply is due.
  bool asked() const noexcept { return !line_.empty() && line_.front().begin < out_.sent_until(); }

 private:
  friend class RedisCall;
  struct Place {
    RedisCall* call;  // null once it has left
    std::size_t left;
    std::size_t bytes;
    std::uint64_t begin;
  };

  void drop_first() noexcept;

  // Invariants. bytes_ is the sum over the line, waited_for_ counts the calls in it, and the gauges
  // of the metrics hold the same. A place does not move while it is in the line.
  const Limits limits_;
  RedisMetrics& metrics_;
  RedisOutbox out_;
  std::deque<Place> line_;
  std::uint64_t expected_until_ = 0;  // position in out_
  std::size_t bytes_ = 0;
  std::size_t waited_for_ = 0;
};

class RedisCall final : public Leaf, private Timer {
 public:
  static constexpr std::size_t kMostReplies = 3;

  RedisCall(RedisPipeline& line, Deadline until) noexcept : line_(line), until_(until) {}
  RedisCall(const RedisCall&) = delete;
  RedisCall& operator=(const RedisCall&) = delete;
  ~RedisCall() override { leave(); }

  bool await_ready() const noexcept { return false; }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> flow) noexcept {
    return wait(flow.promise().scope(), flow);
  }
  // kNone where it is answered or has failed; kNotReady where its own time has come, or why the
  // scope was cancelled.
  Cause await_resume() const noexcept { return outcome(); }

  const Status& failure() const noexcept { return failure_; }
  std::size_t count() const noexcept { return count_; }
  RedisReply& reply(std::size_t number) noexcept { return replies_[number]; }

 private:
  friend class RedisPipeline;
  bool wait(Scope& scope, std::coroutine_handle<> flow) noexcept;
  void leave() noexcept;
  void end(Status failure) noexcept;
  void fired() noexcept override;
  void on_cancel() noexcept override;

  RedisPipeline& line_;
  const Deadline until_;
  RedisPipeline::Place* place_ = nullptr;  // in the line
  std::size_t count_ = 0;
  std::array<RedisReply, kMostReplies> replies_{};
  Status failure_;
};

}  // namespace tidegate::internal
