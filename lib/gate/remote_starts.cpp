// SPDX-License-Identifier: Apache-2.0
#include "gate/remote_starts.hpp"

#include <algorithm>
#include <limits>
#include <new>
#include <type_traits>
#include <utility>

#include "base/errand.hpp"
#include "base/flow_operation.hpp"
#include "base/fork.hpp"

namespace tidegate::internal {

namespace {

using Answer = policy::Limiter::Answer;
using Origin = RemoteBooking::Origin;

constexpr Duration::rep kUnknown = std::numeric_limits<Duration::rep>::min() / 2;

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

// One question and its answer. It outlives who asked: then the next who asks gives back what it was
// granted, or, where nobody asks, it does.
struct RemoteStarts::Question {
  struct Ring {
    ~Ring() {
      question.is_over = true;
      question.answered.ring();
    }
    Question& question;
  };

  Question(std::shared_ptr<RemoteLimits> of, std::uint32_t permits, Duration most, Duration held,
           TimePoint now, std::uint64_t told, Counter& lost_slots) noexcept
      : limits(std::move(of)),
        weight(permits),
        most_wait(std::min(most, LimiterWord::kLongestAhead)),
        hold(held),
        sent(now),
        penalties(told),
        lost(lost_slots) {}

  static Task<void> run(std::shared_ptr<Question> self) {
    const Ring ring{*self};
    while (!self->backs.empty()) {
      auto giving = give_back(self->limits, std::move(self->backs.back()), &self->lost);
      self->backs.pop_back();
      co_await std::move(giving);
    }
    auto booking = self->limits->book(self->weight, self->most_wait, self->hold);
    auto came = co_await std::move(booking);
    self->answer = std::move(came);
    if (!self->is_left || self->is_claimed || !self->granted()) co_return;
    auto giving = give_back(self->limits, std::move(self->answer->ticket), &self->lost);
    self->answer->granted = false;
    co_await std::move(giving);
  }
  bool granted() const noexcept { return answer.ok() && answer->granted; }
  // What it was granted is to be given back by who asks next.
  static void leave_to_next(Question& question, std::vector<RemoteLimits::Ticket>& backs) {
    if (!question.granted()) return;
    question.answer->granted = false;
    backs.push_back(std::move(question.answer->ticket));
  }

  const std::shared_ptr<RemoteLimits> limits;
  const std::uint32_t weight;
  const Duration most_wait;
  const Duration hold;
  const TimePoint sent;
  const std::uint64_t penalties;
  Counter& lost;
  std::vector<RemoteLimits::Ticket> backs{};  // to be given back before
  Bell answered{};
  bool is_over = false;     // perhaps while its hearer was being cancelled
  bool is_left = false;     // by who asked
  bool is_claimed = false;  // by who asks next
  Result<RemoteLimits::Answer> answer{Status(Cause::kNoMemory, "")};
};

// A penalty on its way from another thread to the loop.
struct RemoteStarts::Told final : Message {
  Told(std::shared_ptr<RemoteStarts> of, Duration time) noexcept
      : starts(std::move(of)), hold(time) {}
  void run() noexcept override {
    const std::unique_ptr<Told> gone(this);
    starts->run_errand_of(tell, hold);
  }
  const std::shared_ptr<RemoteStarts> starts;
  const Duration hold;
};

// The same of a booking that is cancelled.
struct RemoteStarts::Cancelled final : Message {
  Cancelled(std::shared_ptr<RemoteStarts> of, std::shared_ptr<const void> owner_of,
            RemoteBooking what)
      : starts(std::move(of)), owner(std::move(owner_of)), booking(std::move(what)) {}
  void run() noexcept override {
    const std::unique_ptr<Cancelled> gone(this);
    starts->take_back(booking, starts->loop_.now());
  }
  const std::shared_ptr<RemoteStarts> starts;
  const std::shared_ptr<const void> owner;
  const RemoteBooking booking;
};

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

RemoteStarts::RemoteStarts(Loop& loop, const std::string& name, RemoteSetup setup, Counter& lost,
                           LimiterWord& local)
    : loop_(loop),
      limits_(std::move(setup.limits)),
      promised_(setup.promised),
      down_(setup.down),
      process_(fork_generation()),
      lost_(lost),
      remote_metrics_(name),
      local_(local) {
  for (auto& due : due_) due.store(kUnknown, std::memory_order_relaxed);
}

Duration RemoteStarts::least_wait(TimePoint now, std::uint32_t weight,
                                  std::uint64_t ahead) const noexcept {
  Duration longest = local_.held_for(now);
  if (is_down_.load(std::memory_order_relaxed)) {
    if (down_ == ShareDown::kLocal) longest = local_.wait(now, weight, ahead);
    return longest;
  }
  for (std::size_t i = 0; i < promised_.size(); ++i) {
    const Duration::rep due = due_[i].load(std::memory_order_relaxed);
    if (due == kUnknown) continue;
    const Duration interval = promised_[i].interval();
    const auto most = static_cast<std::uint64_t>(policy::Limit::kLongest / interval);
    const auto before = static_cast<Duration::rep>(std::min(most, ahead + weight - 1));
    longest = std::max(longest, Duration(due) - now.time_since_epoch() + before * interval);
  }
  return longest;
}

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

bool RemoteStarts::is_put_off(const RemoteBooking& booked, TimePoint now) const noexcept {
  if (!local_.is_held(now)) return false;
  return booked.penalties != penalties_.load(std::memory_order_relaxed);
}

Task<RemoteStarts::Come> RemoteStarts::come(const RemoteBooking* booked, Bell* hurry,
                                            Watch* watch) {
  const Scope& scope = co_await this_scope();
  const TimePoint start = booked->local.start;
  bool is_trusted = booked->origin != Origin::kStore || booked->local.wait <= kTrusted;
  for (;;) {
    const TimePoint now = loop_.now();
    if (is_put_off(*booked, now)) co_return Come::kPutOff;
    if (now >= start) break;
    if (!scope.ok() || (watch && watch->is_over())) co_return Come::kCutShort;
    const TimePoint next = is_trusted ? start : start - kTrusted / 2;
    if (now >= next) {
      is_trusted = true;
      auto looking = is_held_elsewhere(start);
      const bool is_held = co_await std::move(looking);
      if (is_held) co_return Come::kPutOff;
      continue;
    }
    const Deadline until = Deadline::at(next);
    const Cause woken = co_await hurry->heard(until);
    static_cast<void>(woken);
  }
  if (booked->origin != Origin::kStore) co_return Come::kHasCome;
  const bool is_late = loop_.now() > start + LimiterWord::kMostLate;
  co_return is_late ? Come::kTooLate : Come::kHasCome;
}

Task<bool> RemoteStarts::is_held_elsewhere(TimePoint start) {
  const TimePoint sent = loop_.now();
  auto asking = limits_->held(Duration::zero());
  const auto held = co_await std::move(asking);
  // What was booked for the end of a penalty starts then, however long its answer took.
  co_return held.ok() && sent + *held > start + LimiterWord::kMostLate;
}

void RemoteStarts::started(const RemoteBooking& booked, TimePoint now) noexcept {
  if (booked.origin == Origin::kLocal) local_.started(booked.local, now);
  const Duration late = now - booked.local.start;
  if (booked.origin != Origin::kStore || late <= kInTime) return;
  try {
    run_errand_of(tell_late, Late{booked.ticket, late});
  } catch (const std::bad_alloc&) {  // the next may be that much nearer
  }
}

void RemoteStarts::take_back(const RemoteBooking& booked, TimePoint now) noexcept {
  if (!booked.granted() || booked.origin == Origin::kOpen) return;
  if (booked.origin == Origin::kLocal) return local_.cancel(booked.local, now);
  for (auto& due : due_) due.store(kUnknown, std::memory_order_relaxed);
  if (now > booked.local.start + LimiterWord::kMostLate) return lost_.add();
  try {
    backs_.push_back(booked.ticket);
  } catch (const std::bad_alloc&) {
    return lost_.add();
  }
  run_errand_of(give_all_back, 0);
}

void RemoteStarts::cancel(const RemoteBooking& booked, std::shared_ptr<const void> owner) noexcept
    try {
  if (process_ != fork_generation()) return;
  auto cancelled = std::make_unique<Cancelled>(shared_from_this(), std::move(owner), booked);
  if (loop_.post(*cancelled)) static_cast<void>(cancelled.release());
} catch (const std::bad_alloc&) {
  lost_.add();
}

void RemoteStarts::penalize(TimePoint now, TimePoint until) noexcept {
  local_.penalize(now, until);
  penalties_.fetch_add(1, std::memory_order_relaxed);
  auto told = std::unique_ptr<Told>(new (std::nothrow) Told(shared_from_this(), until - now));
  if (told && loop_.post(*told)) static_cast<void>(told.release());
}

Operation<RemoteBooking> RemoteStarts::ask(std::uint32_t weight, Duration most_wait) {
  auto* const asking = new Ask(loop_, shared_from_this(), weight, most_wait);
  return Operation<RemoteBooking>(asking->begin());
}

template <class Argument>
void RemoteStarts::run_errand_of(Task<void> (*flow)(std::shared_ptr<RemoteStarts>, Argument),
                                 std::type_identity_t<Argument> argument) noexcept try {
  auto self = shared_from_this();
  run_errand(loop_, self, flow(self, std::move(argument)));
} catch (const std::bad_alloc&) {  // it goes with the next question
}

Task<void> RemoteStarts::give_back(std::shared_ptr<RemoteLimits> limits,
                                   RemoteLimits::Ticket ticket, Counter* lost) {
  auto giving = limits->give_back(std::move(ticket));
  const auto given = co_await std::move(giving);
  if (!given.ok() || !*given) lost->add();
}

// What no question has taken along until then.
Task<void> RemoteStarts::give_all_back(std::shared_ptr<RemoteStarts> self, int) {
  while (!self->backs_.empty()) {
    auto giving = give_back(self->limits_, std::move(self->backs_.back()), &self->lost_);
    self->backs_.pop_back();
    co_await std::move(giving);
  }
}

Task<void> RemoteStarts::tell_late(std::shared_ptr<RemoteStarts> self, Late late) {
  auto telling = self->limits_->began_late(std::move(late.ticket), late.by);
  const Status told = co_await std::move(telling);
  static_cast<void>(told);
}

Task<void> RemoteStarts::tell(std::shared_ptr<RemoteStarts> self, Duration hold) {
  auto telling = self->limits_->held(hold);
  const auto told = co_await std::move(telling);
  static_cast<void>(told);  // where it has failed it goes with the next question
}

}  // namespace tidegate::internal
