// SPDX-License-Identifier: Apache-2.0
#include "cache/membership.hpp"

#include <new>
#include <utility>

#include "base/errand.hpp"
#include "cache/redis_key.hpp"

namespace tidegate::internal {

namespace {

class UntilTheEnd {
 public:
  explicit UntilTheEnd(bool& flag) noexcept : flag_(flag) {}
  UntilTheEnd(const UntilTheEnd&) = delete;
  UntilTheEnd& operator=(const UntilTheEnd&) = delete;
  ~UntilTheEnd() { flag_ = false; }

 private:
  bool& flag_;
};

}  // namespace

Membership::Membership(std::shared_ptr<Kv> kv, const std::string& cache_namespace,
                       std::uint64_t sender, Loop& loop, Member& member)
    : kv_(std::move(kv)),
      channel_(redis_channel(cache_namespace)),
      epoch_name_(redis_epoch(cache_namespace)),
      sender_(sender),
      loop_(loop),
      member_(member) {}

void Membership::join() {
  if (joined_) {
    if (state_ != State::kLost || !was_deaf_ || !kv_->up()) return;
    set_state(State::kLearning);
    return look_again(false);
  }
  kv_->listen(channel_, *this);
  joined_ = true;
}

void Membership::leave() noexcept {
  if (std::exchange(joined_, false)) kv_->ignore(channel_, *this);
  listens_ = false;
  set_state(State::kLost);
}

void Membership::set_state(State state) noexcept {
  state_ = state;
  ready_.store(state == State::kReady, std::memory_order_relaxed);
  if (state != State::kLearning) waiting_.wake_all();
}

Task<bool> Membership::readiness() {
  while (state_ == State::kLearning && kv_->up()) {
    const bool woken = co_await waiting_.wait();
    if (!woken) co_return false;
  }
  co_return is_ready();
}

void Membership::look_again(bool is_forgotten) noexcept {
  ++asked_;
  is_forgotten_ = is_forgotten_ || is_forgotten;
  epoch_.reset();
  if (state_ == State::kReady || listens_) set_state(State::kLearning);
  start_learning();
}

void Membership::start_learning() noexcept {
  was_deaf_ = false;
  if (learns_ || !joined_) return;
  learns_ = true;  // from now on: its first step is in a later turn
  try {
    run_errand(loop_, member_.keep(), learn());
  } catch (const std::bad_alloc&) {
    learns_ = false;
    set_state(State::kLost);
    member_.lost_touch();
    member_.could_not_learn();
  }
}

Task<void> Membership::learn() {
  const UntilTheEnd learns(learns_);
  while (joined_) {
    const std::uint64_t asked = asked_;
    auto asking = kv_->number(epoch_name_);
    const Result<std::int64_t> number = co_await std::move(asking);
    Status failure = number.status();
    if (failure.ok() && last_ && *number < *last_) {
      must_raise_ = true;
      last_.reset();
      member_.epoch_changed();
    }
    if (failure.ok() && must_raise_) {
      std::string message =
          encode_invalidation({.kind = Invalidation::Kind::kEverything, .sender = sender_});
      auto raising = kv_->raise(epoch_name_, channel_, std::move(message));
      const Result<std::int64_t> raised = co_await std::move(raising);
      must_raise_ = !raised.ok();
      failure = raised.status();
      if (raised.ok()) continue;
    }
    if (!failure.ok()) {
      set_state(State::kLost);
      member_.lost_touch();
      member_.could_not_learn();
      co_return;
    }
    if (asked != asked_) continue;
    adopt(*number);
    co_return;
  }
}

void Membership::adopt(std::int64_t epoch) noexcept {
  const bool was_told = std::exchange(is_forgotten_, false);
  if (last_ && *last_ != epoch && !was_told) member_.epoch_changed();
  last_ = epoch;
  epoch_ = epoch;
  if (listens_) set_state(State::kReady);
  member_.epoch_known();
}

void Membership::heard(std::string_view bytes) noexcept {
  const auto message = decode_invalidation(bytes);
  if (!message || message->sender == sender_) return;
  member_.heard(*message);
  if (message->kind == Invalidation::Kind::kEverything) look_again(true);
}

void Membership::listening() noexcept {
  listens_ = true;
  member_.listens();
  look_again(false);
}

void Membership::deaf() noexcept {
  listens_ = false;
  was_deaf_ = true;
  is_forgotten_ = false;  // what comes unheard from now on is not
  set_state(State::kLost);
  member_.lost_touch();
}

}  // namespace tidegate::internal
