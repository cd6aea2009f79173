// SPDX-License-Identifier: Apache-2.0
#include "cache/membership.hpp"

#include <algorithm>
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
    const std::int64_t seen = seen_;
    auto asking = ask();
    const Result<std::int64_t> number = co_await std::move(asking);
    Status failure = number.status();
    if (failure.ok() && *number < seen) {
      if (std::exchange(last_, std::nullopt)) member_.epoch_changed();
      auto raising = raise({.kind = Invalidation::Kind::kEverything, .sender = sender_});
      const Result<std::int64_t> raised = co_await std::move(raising);
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

KvNumber Membership::told_by(const Invalidation& message) const {
  return {.name = epoch_name_,
          .seen = seen_,
          .channel = channel_,
          .message = encode_invalidation(message)};
}

void Membership::saw(const Result<std::int64_t>& number) noexcept {
  if (number.ok()) seen_ = std::max(seen_, *number);
}

Task<Result<std::int64_t>> Membership::ask() {
  const Invalidation begins{
      .kind = Invalidation::Kind::kBegun, .keeps_stale = true, .sender = sender_};
  auto asking = kv_->number(told_by(begins));
  Result<std::int64_t> answer = co_await std::move(asking);
  saw(answer);
  co_return answer;
}

Task<Result<std::int64_t>> Membership::raise(Invalidation message) {
  auto raising = kv_->raise(told_by(message));
  Result<std::int64_t> answer = co_await std::move(raising);
  saw(answer);
  co_return answer;
}

void Membership::adopt(std::int64_t epoch) noexcept {
  const bool was_told = std::exchange(is_forgotten_, false);
  if (last_ && *last_ != epoch && !was_told) {
    KvNumber::has_begun(epoch) ? member_.epoch_lost() : member_.epoch_changed();
  }
  last_ = epoch;
  epoch_ = epoch;
  if (listens_) set_state(State::kReady);
  member_.epoch_known();
}

void Membership::heard(std::string_view bytes) noexcept {
  const auto message = decode_invalidation(bytes);
  if (!message) return;
  using Kind = Invalidation::Kind;
  if (message->sender == sender_) {
    // What others say of the new epoch may come before the answer to who began it.
    if (message->kind == Kind::kBegun) look_again(false);
    return;
  }
  member_.heard(*message);
  if (message->kind != Kind::kKey) look_again(true);
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
