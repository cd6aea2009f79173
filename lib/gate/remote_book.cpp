// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <string>
#include <utility>

#include "base/errand.hpp"
#include "base/flow_operation.hpp"
#include "gate/remote_question.hpp"
#include "gate/remote_starts.hpp"

namespace tidegate::internal {

namespace {

using Answer = policy::Limiter::Answer;
using Origin = RemoteBooking::Origin;

// Of the store, whatever it was; but not of the caller.
Status not_decided(const Status& why) {
  switch (why.cause()) {
    case Cause::kCancelled:
    case Cause::kClosed:
    case Cause::kNoMemory:
    case Cause::kLocalResource: return why;
    default:
      return Status(
          Cause::kEngineUnavailable,
          "its limits are shared, and could not be asked for: " + std::string(why.message()));
  }
}

}  // namespace

Task<RemoteBooking> RemoteStarts::book(std::uint32_t weight, Duration most_wait) {
  const Scope& scope = co_await this_scope();
  if (!scope.ok())
    co_return RemoteBooking::failed(Status(scope.reason(), "it was not asked for any more"));
  if (left_ && !left_->is_claimed) {
    auto claiming = claim(left_);
    const bool is_free = co_await std::move(claiming);
    if (!is_free)
      co_return RemoteBooking::failed(Status(scope.reason(), "it was not asked for any more"));
  }
  const TimePoint sent = loop_.now();
  const Duration hold = local_.held_for(sent);
  const std::uint64_t told = penalties_.load(std::memory_order_relaxed);
  auto question = std::make_shared<Question>(limits_, weight, most_wait, hold, sent, told, lost_);
  question->backs.swap(backs_);
  run_errand(loop_, question, Question::run(question));
  const Cause woken = co_await question->answered.heard(Deadline::never());
  if (woken == Cause::kNone) co_return taken(*question);
  if (question->is_over) {
    Question::leave_to_next(*question, backs_);
    run_errand_of(give_all_back, 0);
  } else {
    question->is_left = true;
    left_ = std::move(question);
  }
  co_return RemoteBooking::failed(Status(woken, "it was not waited for any longer"));
}

// Waits for the answer to a question whose asker has gone: its slot is the next one's. False where
// the scope is cancelled meanwhile.
Task<bool> RemoteStarts::claim(std::shared_ptr<Question> left) {
  left->is_claimed = true;
  const Cause woken = co_await left->answered.heard(Deadline::never());
  left->is_claimed = false;
  if (left->is_over) {
    if (left_ == left) left_.reset();
    Question::leave_to_next(*left, backs_);
    if (woken != Cause::kNone) run_errand_of(give_all_back, 0);
  }
  co_return woken == Cause::kNone;
}

RemoteBooking RemoteStarts::taken(Question& question) {
  const TimePoint came = loop_.now();
  if (!question.answer.ok()) {
    return instead(question.weight, question.most_wait, question.answer.status());
  }
  RemoteLimits::Answer& answer = *question.answer;
  remote_metrics_.decisions.add();
  remote_metrics_.time.record(came - question.sent);
  learn(answer, question.sent);
  RemoteBooking booking;
  booking.local.answer = answer.granted ? Answer::kGranted : Answer::kLater;
  booking.local.wait = answer.wait;
  booking.local.start = came + answer.wait;
  booking.local.weight = question.weight;
  booking.ticket = std::move(answer.ticket);
  booking.penalties = question.penalties;
  return booking;
}

RemoteBooking RemoteStarts::instead(std::uint32_t weight, Duration most_wait, const Status& why) {
  remote_metrics_.failures.add();
  const bool is_news = !is_down_.exchange(true, std::memory_order_relaxed);
  const TimePoint now = loop_.now();
  if (down_ == ShareDown::kRefuse) return RemoteBooking::failed(not_decided(why));
  if (is_news) local_.penalize(now, std::max(now, held_until_));  // and nothing is saved up
  RemoteBooking booking;
  booking.penalties = penalties_.load(std::memory_order_relaxed);
  if (down_ == ShareDown::kLocal) {
    booking.origin = Origin::kLocal;
    booking.local = local_.reserve(now, weight, most_wait);
    return booking;
  }
  const Duration wait = local_.held_for(now);
  booking.origin = Origin::kOpen;
  booking.local.answer = wait <= most_wait ? Answer::kGranted : Answer::kLater;
  booking.local.wait = wait;
  booking.local.start = now + wait;
  return booking;
}

// The store decided after it was asked, so that all is due later than this.
void RemoteStarts::learn(const RemoteLimits::Answer& answer, TimePoint sent) noexcept {
  is_down_.store(false, std::memory_order_relaxed);
  held_until_ = sent + answer.held;
  for (std::size_t i = 0; i < promised_.size(); ++i) {
    const TimePoint due = sent + answer.due[i];
    due_[i].store(due.time_since_epoch().count(), std::memory_order_relaxed);
  }
}

class RemoteStarts::Ask final : public FlowOperation {
 public:
  Ask(Loop& loop, std::shared_ptr<RemoteStarts> starts, std::uint32_t weight, Duration most_wait)
      : FlowOperation(loop, Deadline::never()),
        starts_(std::move(starts)),
        weight_(weight),
        most_wait_(most_wait) {}

 private:
  Task<void> flow() override { return run(this); }
  static Task<void> run(Ask* self) {
    auto booking = self->starts_->book(self->weight_, self->most_wait_);
    auto booked = co_await std::move(booking);
    self->result_ = std::move(booked);
  }
  void settle(const Status& outcome) noexcept override {
    if (!outcome.ok()) result_ = outcome;
    starts_.reset();
  }
  const void* result() const noexcept override { return &result_; }

  std::shared_ptr<RemoteStarts> starts_;
  const std::uint32_t weight_;
  const Duration most_wait_;
  Result<RemoteBooking> result_{Status(Cause::kInternal, "not settled")};
};

Operation<RemoteBooking> RemoteStarts::ask(std::uint32_t weight, Duration most_wait) {
  auto* const asking = new Ask(loop_, shared_from_this(), weight, most_wait);
  return Operation<RemoteBooking>(asking->begin());
}

}  // namespace tidegate::internal
