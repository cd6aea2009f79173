// SPDX-License-Identifier: Apache-2.0
//
// RedisCore: the part of a Redis client that lives on the loop: its flows, and what is known of the
// server. There are two flows, started by the first verb or listen() and ended by pause() or the
// end of the loop: one keeps the connection of the verbs, the other (redis_subscriber.hpp) that of
// the channels.
//
//   idle ──first verb──▶ connecting ──▶ up ──lost──▶ connecting …
//                            │ attempt failed  │ too many failures
//                            ▼                 ▼
//                           down ◀─────────────┘    one attempt after each pause, up with the first
//                                                   that is answered
//
// While connecting, verbs wait in the pipeline until their own time has come; while down they fail
// at once. An attempt counts as made when a PING is answered.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/group.hpp"
#include "base/root.hpp"
#include "net/redis_breaker.hpp"
#include "net/redis_connect.hpp"
#include "net/redis_memory.hpp"
#include "net/redis_pipeline.hpp"
#include "net/redis_subscriber.hpp"
#include "tidegate/ref.hpp"

namespace tidegate::internal {

class RedisCore final : public RefCounted {
 public:
  RedisCore(Shard& shard, RedisUrl url, RedisOptions options);

  // For verbs, on the loop. begin(): OK where commands of about `bytes` may be appended to out();
  // else why not. ended(): what came of the call, and what it says about the server. A write that
  // is refused says nothing about reads.
  enum class Verb : std::uint8_t { kRead, kWrite };
  Status begin(const Scope& scope, std::size_t bytes);
  RedisPipeline& line() noexcept { return line_; }
  std::string& out() noexcept { return line_.out().bytes; }
  void expect(RedisCall& call, std::size_t replies);
  Status ended(RedisCall& call, Cause woken, TimePoint begun, Verb verb);
  Deadline bound() const noexcept {
    return Deadline::after(place_.options.timeout, place_.shard.now());
  }

  const RedisPlace& place() const noexcept { return place_; }
  RedisMetrics& metrics() noexcept { return place_.metrics; }
  RedisResolver& resolver() noexcept { return place_.resolver; }

  void listen(std::string channel, KvListener& listener);
  void ignore(std::string_view channel, KvListener& listener) noexcept {
    subscriber_.ignore(channel, listener);
  }

  // Any thread.
  bool up() const noexcept { return up_.load(std::memory_order_relaxed); }
  // A flow runs, or a connection is open.
  bool active() const noexcept { return flows_.load(std::memory_order_acquire) > 0; }
  // Ends the flows and closes the connections; true once that is done. False where a verb is under
  // way: nothing was done. The next verb or listen() begins anew.
  bool pause();
  // For the last handle: ends all, and begins nothing anew. Does not wait.
  void release() noexcept;

 private:
  enum class State : std::uint8_t { kIdle, kConnecting, kUp, kDown };
  class Keeper;
  class Pause;
  struct Release final : Message {
    explicit Release(RedisCore& owner) noexcept : core(owner) {}
    void run() noexcept override;
    RedisCore& core;
  };

  ~RedisCore() override = default;

  void wake();
  Task<void> keep();
  Task<Status> live_once();
  static Task<Status> serve(Group& group, RedisCore* core, RedisWire* wire);
  Task<void> watch_memory();
  Status exchange(RedisWire& wire);
  Deadline due() const noexcept;

  void went_up(RedisWire& wire);
  void attempt_ended(const Status& why);
  void went_down(const Status& why);
  void failed(TimePoint begun, const Status& why);
  void take_for_down(const Status& why);
  Status down() const;
  void flow_ended(Keeper& keeper, const std::exception_ptr& error) noexcept;
  void stop_flows() noexcept;

  RedisPlace place_;
  RedisPipeline line_;
  RedisSubscriber subscriber_;
  RedisMemoryWatch memory_;
  RedisBreaker breaker_;
  RedisBackoff backoff_;

  // Invariants. state_ is kIdle exactly while keeper_ is null; wire_ is set in kUp alone. why_ says
  // in kDown why, and in kUp, where it is not OK, that the connection is to be given up.
  State state_ = State::kIdle;
  Keeper* keeper_ = nullptr;
  Keeper* listener_ = nullptr;
  RedisWire* wire_ = nullptr;
  Status why_;
  TimePoint down_since_{};
  TimePoint next_attempt_{};
  TimePoint up_since_{};
  TimePoint progress_{};   // the last reply, or the first thing that became due after it
  bool watching_ = false;  // one of the calls in the line is our own
  Pause* pause_ = nullptr;

  Release release_{*this};
  std::atomic<bool> up_{true};
  std::atomic<bool> released_{false};
  std::atomic<int> flows_{0};
};

}  // namespace tidegate::internal
