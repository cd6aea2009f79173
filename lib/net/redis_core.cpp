// SPDX-License-Identifier: Apache-2.0
#include "net/redis_core.hpp"

#include <utility>

#include "base/futex.hpp"
#include "base/log_record.hpp"
#include "base/sleep.hpp"
#include "net/redis_command.hpp"

namespace tidegate::internal {

namespace {

// Replies of one turn; then other flows go first.
constexpr int kRepliesPerTurn = 256;

}  // namespace

// One of the two flows. Holds the core, and tells it when it is over.
class RedisCore::Keeper final : public Root {
 public:
  Keeper(RedisCore& core, Task<void> flow)
      : Root(core.place_.shard, Deadline::never()), core_(Ref<RedisCore>::share(&core)) {
    core.flows_.fetch_add(1, std::memory_order_relaxed);
    start(std::move(flow));
  }
  using Root::scope;

 private:
  void ended(std::exception_ptr error) noexcept override {
    const Ref<RedisCore> core = core_;
    core->flow_ended(*this, error);
  }
  const Ref<RedisCore> core_;
};

// Asks the loop to end the flows. Lives until the loop has answered.
class RedisCore::Pause final : public RefCounted, public Message {
 public:
  explicit Pause(RedisCore& core) noexcept : core_(Ref<RedisCore>::share(&core)) {}

  bool wait() const noexcept {
    while (answer_.load(std::memory_order_acquire) == kNone) {
      futex_wait(answer_, kNone, Deadline::never());
    }
    return answer_.load(std::memory_order_acquire) == kDone;
  }
  void done() noexcept { answer(kDone); }

 private:
  static constexpr std::uint32_t kNone = 0, kDone = 1, kRefused = 2;

  void run() noexcept override {
    const std::size_t own = core_->watching_ ? 1 : 0;
    if (core_->pause_ || core_->line_.waited_for() > own) return answer(kRefused);
    core_->pause_ = this;
    if (!core_->active()) return answer(kDone);
    core_->stop_flows();
  }
  void answer(std::uint32_t value) noexcept {
    if (core_->pause_ == this) core_->pause_ = nullptr;
    answer_.store(value, std::memory_order_release);
    futex_wake_all(answer_);
    unref();
  }

  const Ref<RedisCore> core_;
  std::atomic<std::uint32_t> answer_{kNone};
};

RedisCore::RedisCore(Shard& shard, RedisUrl url, RedisOptions options)
    : place_(shard, std::move(url), std::move(options)),
      line_({place_.options.max_calls, place_.options.max_bytes, place_.options.max_unsent},
            place_.metrics),
      subscriber_(place_),
      memory_(place_),
      breaker_(place_.options.failures),
      backoff_(place_.options) {}

void RedisCore::wake() {
  if (!keeper_) {
    state_ = State::kConnecting;
    keeper_ = new Keeper(*this, keep());
  }
  if (!listener_ && subscriber_.wanted()) listener_ = new Keeper(*this, subscriber_.keep());
}

void RedisCore::listen(std::string channel, KvListener& listener) {
  subscriber_.listen(std::move(channel), listener);
  if (!pause_ && !released_.load(std::memory_order_relaxed)) wake();
}

Status RedisCore::begin(const Scope& scope, std::size_t bytes) {
  if (!scope.ok()) return Status(scope.reason(), "Redis was not asked any more");
  if (released_.load(std::memory_order_relaxed)) {
    return Status(Cause::kClosed, "the Redis client is gone");
  }
  // What began now would not let the flows end.
  if (pause_) return Status(Cause::kEngineUnavailable, "the Redis client rests, before a fork");
  if (state_ == State::kDown) {
    metrics().refused_down.add();
    return down();
  }
  line_.drop_unexpected();
  Status admitted = line_.admit(bytes);
  if (!admitted.ok()) metrics().refused_full.add();
  if (admitted.ok()) wake();
  return admitted;
}

void RedisCore::expect(RedisCall& call, std::size_t replies) {
  if (line_.empty()) progress_ = place_.shard.now();
  line_.expect(call, replies);
  if (wire_) wire_->bell().ring();
}

Status RedisCore::ended(RedisCall& call, Cause woken, TimePoint begun, Verb verb) {
  // A caller who gives it as long as we do is woken by its own deadline.
  const Duration waited = place_.shard.now() - begun;
  const bool is_late =
      woken == Cause::kNotReady || (woken == Cause::kDeadline && waited >= place_.options.timeout);
  if (is_late) {
    metrics().timeouts.add();
    const std::string within = " within " + format_duration(place_.options.timeout);
    if (state_ != State::kDown) failed(begun, Status(Cause::kDeadline, "no answer" + within));
    return Status(Cause::kDeadline, "Redis at " + place_.shown + " did not answer" + within);
  }
  if (woken != Cause::kNone) {
    metrics().abandoned.add();
    return Status(woken, "Redis at " + place_.shown + " was not waited for any longer");
  }
  if (!call.failure().ok()) return call.failure();
  Status sick;
  for (std::size_t i = 0; i < call.count(); ++i) {
    const RedisReply& reply = call.reply(i);
    // NOSCRIPT is no failure: the script follows.
    if (reply.kind != RedisReply::Kind::kError || reply.text.starts_with("NOSCRIPT")) continue;
    const RedisErrorKind kind = redis_error_kind(reply.text);
    metrics().error(kind).add();
    const bool about_us = kind == RedisErrorKind::kDenied && verb == Verb::kWrite;
    if (!redis_serves_reads(kind) && !about_us && sick.ok()) sick = redis_error_status(reply.text);
    if (state_ == State::kUp && redis_error_is_permanent(kind) && !about_us) take_for_down(sick);
  }
  if (sick.ok()) {
    breaker_.succeeded();
  } else if (state_ == State::kUp && !redis_is_permanent(sick)) {
    failed(begun, sick);
  }
  return {};
}

// Counts a failure of the server's.
void RedisCore::failed(TimePoint begun, const Status& why) {
  if (breaker_.failed(begun, place_.shard.now())) take_for_down(why);
}

// Where a connection is open, it ends; where one is being made, that attempt decides.
void RedisCore::take_for_down(const Status& why) {
  if (state_ == State::kConnecting) return went_down(why);
  if (state_ != State::kUp || !why_.ok()) return;
  why_ = why;
  if (wire_) wire_->bell().ring();
}

void RedisCore::went_down(const Status& why) {
  const bool news = state_ != State::kDown;
  if (news) down_since_ = breaker_.failures() > 0 ? breaker_.since() : place_.shard.now();
  state_ = State::kDown;
  up_.store(false, std::memory_order_relaxed);
  why_ = why;
  const Status down_now = down();
  line_.fail(down_now);
  if (!news) return;
  metrics().opened.add();
  log(LogLevel::kWarning, "redis", down_now.message());
}

Status RedisCore::down() const {
  const TimePoint now = place_.shard.now();
  const Duration since = now - down_since_;
  std::string text = "Redis at " + place_.shown;
  text += since > Duration::zero() ? " has been down for " + format_duration(since) : " is down";
  text.append(": ").append(why_.message());
  if (next_attempt_ > now) text += "; next attempt in " + format_duration(next_attempt_ - now);
  const bool ours = why_.cause() == Cause::kLocalResource || why_.cause() == Cause::kNoMemory;
  return Status(ours ? why_.cause() : Cause::kEngineUnavailable, text);
}

Task<void> RedisCore::keep() {
  Scope& scope = co_await this_scope();
  for (;;) {
    auto living = live_once();
    const Status why = co_await std::move(living);
    if (!scope.ok()) co_return;
    attempt_ended(why);
    const Cause woken = co_await sleep_until(next_attempt_);
    if (woken != Cause::kNone) co_return;
  }
}

// From an attempt to connect to the end of the connection, if there was one: why it ended.
Task<Status> RedisCore::live_once() {
  RedisWire wire(place_.shard, place_.options.limits, place_.metrics);
  auto connecting = redis_connect(&place_, &wire);
  const Status connected = co_await std::move(connecting);
  if (!connected.ok()) co_return connected;
  went_up(wire);
  auto serving = with_group(&RedisCore::serve, this, &wire);
  const Status lost = co_await std::move(serving);
  wire_ = nullptr;
  metrics().lost.add();
  co_return lost;
}

Task<Status> RedisCore::serve(Group& group, RedisCore* core, RedisWire* wire) {
  if (core->place_.options.memory_watch > Duration::zero()) group.spawn(core->watch_memory());
  for (;;) {
    const Status status = core->exchange(*wire);
    if (!status.ok()) co_return status;
    const Cause woken = co_await wire->bell().heard(core->due());
    if (woken != Cause::kNone && woken != Cause::kNotReady) {
      co_return Status(woken, "the connection to Redis is no longer wanted");
    }
  }
}

// All that can be done at once: sends what waits, and hands out what has come.
Status RedisCore::exchange(RedisWire& wire) {
  line_.drop_unexpected();
  if (!line_.asked()) wire.look();
  for (int taken = 0; taken < kRepliesPerTurn; ++taken) {
    if (!why_.ok()) return why_;
    auto next = wire.take(line_.out());
    if (!next.ok()) return next.status();
    if (!*next) {
      if (!line_.asked() && !wire.between_replies()) {
        return Status(Cause::kDecode, "Redis spoke unasked: nothing was due on the connection");
      }
      if (!due().passed(place_.shard.now())) return {};
      return Status(Cause::kEngineUnavailable, "Redis has answered nothing for " +
                                                   format_duration(place_.options.stall_timeout));
    }
    progress_ = place_.shard.now();
    if (Status status = line_.take(std::move(**next)); !status.ok()) return status;
  }
  wire.bell().ring();
  return {};
}

// When the connection is given up if nothing comes.
Deadline RedisCore::due() const noexcept {
  if (line_.empty()) return Deadline::never();
  return Deadline::after(place_.options.stall_timeout, progress_);
}

Task<void> RedisCore::watch_memory() {
  for (;;) {
    RedisCall call(line_, Deadline::never());
    line_.drop_unexpected();
    append_info(out(), "memory");
    append_info(out(), "stats");
    watching_ = true;
    expect(call, 2);
    const Cause woken = co_await call;
    watching_ = false;
    if (woken == Cause::kNone && call.failure().ok()) memory_.take(call.reply(0), call.reply(1));
    const TimePoint next = place_.shard.now() + place_.options.memory_watch;
    const Cause slept = co_await sleep_until(next);
    if (slept != Cause::kNone) co_return;
  }
}

void RedisCore::went_up(RedisWire& wire) {
  if (state_ == State::kDown) {
    log(LogLevel::kInfo, "redis", "Redis at " + place_.shown + " is back");
  }
  state_ = State::kUp;
  up_.store(true, std::memory_order_relaxed);
  wire_ = &wire;
  why_ = Status();
  breaker_.succeeded();
  progress_ = up_since_ = place_.shard.now();
  subscriber_.server_is_up(true);
}

void RedisCore::attempt_ended(const Status& why) {
  const bool was_up = state_ == State::kUp;
  subscriber_.server_is_up(false);
  const TimePoint now = place_.shard.now();
  if (was_up) backoff_.lived(now - up_since_);
  next_attempt_ = now + backoff_.next(redis_is_permanent(why), place_.rng);
  if (!was_up || !why_.ok()) return went_down(why);
  if (breaker_.failed(now, now)) return went_down(why);
  state_ = State::kConnecting;
  line_.fail(Status(why.cause(), "the connection to Redis at " + place_.shown +
                                     " was lost: " + std::string(why.message())));
}

void RedisCore::flow_ended(Keeper& keeper, const std::exception_ptr& error) noexcept {
  const Cause reason = keeper.scope().reason();
  const bool closed = reason == Cause::kClosed || released_.load(std::memory_order_relaxed);
  Status why = closed ? Status(Cause::kClosed, "the Redis client was closed")
                      : Status(Cause::kEngineUnavailable, "the client rested, before a fork");
  if (error) {
    why = status_of(error, Cause::kInternal, "a Redis connection");
    log(LogLevel::kError, "redis", why.message());
  }
  if (&keeper == keeper_) {
    keeper_ = nullptr;
    wire_ = nullptr;
    state_ = State::kIdle;
    why_ = Status();
    up_.store(true, std::memory_order_relaxed);
    subscriber_.server_is_up(false);
    line_.fail(why);
  } else {
    listener_ = nullptr;
    subscriber_.flow_ended(reason);
  }
  delete &keeper;
  if (flows_.fetch_sub(1, std::memory_order_acq_rel) == 1 && pause_) pause_->done();
}

void RedisCore::stop_flows() noexcept {
  if (keeper_) keeper_->scope().cancel(Cause::kCancelled);
  if (listener_) listener_->scope().cancel(Cause::kCancelled);
}

bool RedisCore::pause() {
  if (!active()) return true;
  const auto pause = Ref<Pause>::adopt(new Pause(*this));
  pause->ref();
  if (place_.shard.post(*pause)) return pause->wait();
  pause->unref();
  return true;
}

void RedisCore::release() noexcept {
  released_.store(true, std::memory_order_relaxed);
  static_cast<void>(place_.resolver.stop(Deadline::at(TimePoint::min())));
  if (!active()) return;
  ref();
  if (!place_.shard.post(release_)) unref();
}

void RedisCore::Release::run() noexcept {
  core.subscriber_.forget_listeners();
  core.stop_flows();
  core.unref();
}

}  // namespace tidegate::internal
