// SPDX-License-Identifier: Apache-2.0
// Those that wait before a gate. On the loop's thread.
#include <algorithm>

#include "gate/gate_core.hpp"

namespace tidegate::internal {

GateTurn::~GateTurn() {
  if (core_) core_->drop(*this);
}

GateEnter::~GateEnter() {
  if (!granted_) return;
  const GateTurn unused(core_, priority_, *begun_, until_);
}

bool GateEnter::wait(Scope& scope, std::coroutine_handle<> flow) noexcept {
  const TimePoint now = scope.loop().now();
  if (!scope.ok()) {
    refuse(scope.reason());
    leave_line();
    return false;
  }
  if (meets_open_breaker()) return false;
  if (!begun_) {
    if (core_->take_free_turn(priority_)) {
      begun_ = now;
      granted_ = true;
      return false;
    }
    if (Status refused = core_->join(now, until_, priority_); !refused.ok()) {
      refuse_now(std::move(refused));
      return false;
    }
    begun_ = now;
    if (meets_open_breaker()) return false;  // who opened it before may have seen nobody wait
  }
  if (core_->take_turn()) {
    granted_ = true;
    return false;
  }
  park(scope, flow);
  core_->line_[static_cast<std::size_t>(priority_)].push_back(*this);
  if (!until_.is_never() && until_ < scope.deadline()) scope.loop().arm(*this, until_.time());
  return true;
}

bool GateEnter::meets_open_breaker() noexcept {
  const Duration open = core_->open_for();
  if (open == Duration::zero()) return false;
  refuse_now(core_->circuit_open(open));
  return true;
}

GateTurn GateEnter::await_resume() noexcept {
  if (std::exchange(granted_, false)) return {core_, priority_, *begun_, until_};
  if (refused_.ok()) {
    refused_ = outcome() == Cause::kDeadline ? core_->no_turn(core_->loop_.now(), priority_)
                                             : Status(outcome(), "the wait was ended");
  }
  return GateTurn(core_->counted(std::move(refused_)));
}

void GateEnter::grant() noexcept {
  granted_ = true;
  scope()->loop().disarm(*this);
  complete(Cause::kNone);
}

// One that is parked, or has not begun to wait.
void GateEnter::refuse_now(Status status) noexcept {
  refused_ = std::move(status);
  leave_line();
  if (!parked()) return;
  scope()->loop().disarm(*this);
  complete(refused_.cause());
}

void GateEnter::fired() noexcept {
  leave_line();
  complete(Cause::kDeadline);
}

void GateEnter::on_cancel() noexcept {
  scope()->loop().disarm(*this);
  leave_line();
}

void GateEnter::leave_line() noexcept {
  ListNode<GateEnter>::unlink();
  if (begun_) core_->leave_line(priority_, true);
  begun_.reset();
}

// Where nobody waits. Who has it counts as waiting until its call starts.
bool GateCore::take_free_turn(GatePriority priority) noexcept {
  if (!slots_.try_take_and_join()) return false;
  ahead(priority).fetch_add(1, std::memory_order_relaxed);
  metrics_.waiting.add(1);
  has_head_ = true;
  return true;
}

bool GateCore::take_turn() noexcept {
  const bool is_empty =
      std::all_of(line_.begin(), line_.end(), [](const auto& line) { return line.empty(); });
  if (has_head_ || !is_empty || !slots_.take()) return false;
  has_head_ = true;
  return true;
}

void GateCore::next() noexcept {
  if (has_head_) return;
  const auto line =
      std::find_if(line_.begin(), line_.end(), [](const auto& each) { return !each.empty(); });
  if (line == line_.end() || !slots_.take()) return;
  has_head_ = true;
  line->pop_front()->grant();
}

void GateCore::drop(GateTurn& turn) noexcept {
  leave_line(turn.priority_, turn.is_ahead_);
  slots_.give_back();
  has_head_ = false;
  next();
}

void GateCore::kicked() noexcept {
  const std::shared_ptr<GateCore> self = std::move(alive_);
  kick_posted_.exchange(false, std::memory_order_acq_rel);
  // What was changed before the kick, which may have found one under way, is seen from here on.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  hurry_.ring();
  if (const Duration open = open_for(); open > Duration::zero()) refuse_all(open);
  next();
}

void GateCore::refuse_all(Duration open) noexcept {
  const Status refused = circuit_open(open);
  for (auto& line : line_) {
    while (GateEnter* const waiting = line.pop_front()) waiting->refuse_now(refused);
  }
}

Task<Result<GatePermit>> GateCore::wait_and_start(GateTurn turn) {
  Scope& scope = co_await this_scope();
  GateTurn head = std::move(turn);  // goes with the body; a parameter stays with the frame
  const Deadline until = head.until_.earlier(scope.deadline());
  for (;;) {
    if (!scope.ok()) co_return Status(scope.reason(), "the wait was ended");
    if (const Duration open = open_for(); open > Duration::zero()) {
      co_return counted(circuit_open(open));
    }
    const LimiterWord::Booking booking = book(head, until);
    if (!booking.granted()) {
      co_return counted(too_late(booking.wait, until.left(loop_.now())));
    }
    if (booking.wait == Duration::zero()) co_return begin(head, booking);
    const Deadline start = Deadline::at(booking.start);
    const Cause woken = co_await hurry_.heard(start);
    const TimePoint now = loop_.now();
    const bool has_come = woken == Cause::kNotReady && now >= booking.start;
    if (has_come && !starts_.is_held(now) && starts_.in_time(booking, now)) {
      co_return begin(head, booking);
    }
    take_back(booking, now);
  }
}

Task<Result<GatePermit>> GateCore::ask_and_start(GateTurn turn) {
  Scope& scope = co_await this_scope();
  GateTurn head = std::move(turn);
  const Deadline until = head.until_.earlier(scope.deadline());
  OpenBreaker breaker(*this);
  for (;;) {
    if (!scope.ok()) co_return Status(scope.reason(), "the wait was ended");
    if (const Duration open = open_for(); open > Duration::zero()) {
      co_return counted(circuit_open(open));
    }
    no_longer_ahead(head);
    const Duration left = until.left(loop_.now());
    auto asking = remote_->book(1, left);
    const RemoteBooking booked = co_await std::move(asking);
    if (!booked.granted() && !scope.ok()) continue;
    if (!booked.granted()) co_return counted(no_start(booked, left));
    auto coming = remote_->come(&booked, &hurry_, &breaker);
    const RemoteStarts::Come come = co_await std::move(coming);
    if (come == RemoteStarts::Come::kHasCome) co_return begin(head, booked);
    remote_->take_back(booked, loop_.now());
  }
}

// A start that has just come and is not used is still the next one's.
void GateCore::take_back(const LimiterWord::Booking& booking, TimePoint now) noexcept {
  starts_.cancel(booking, starts_.in_time(booking, now) ? std::min(now, booking.start) : now);
}

void GateCore::no_longer_ahead(GateTurn& head) noexcept {
  if (!std::exchange(head.is_ahead_, false)) return;
  ahead(head.priority_).fetch_sub(1, std::memory_order_relaxed);
}

LimiterWord::Booking GateCore::book(GateTurn& head, Deadline until) noexcept {
  no_longer_ahead(head);
  const TimePoint now = loop_.now();
  return starts_.reserve(now, 1, until.left(now));
}

// The start has come. Whoever is refused here has used up none.
Result<GatePermit> GateCore::begin(GateTurn& turn, const LimiterWord::Booking& booking) noexcept {
  const TimePoint now = loop_.now();
  const SharedBreaker::Entry entry = ask_breaker(now);
  if (!entry.entered) {
    take_back(booking, now);
    return counted(circuit_open(entry.retry_after));
  }
  starts_.started(booking, now);
  return let_in(turn, entry.permit, now);
}

Result<GatePermit> GateCore::begin(GateTurn& turn, const RemoteBooking& booked) noexcept {
  const TimePoint now = loop_.now();
  const SharedBreaker::Entry entry = ask_breaker(now);
  if (!entry.entered) {
    remote_->take_back(booked, now);
    return counted(circuit_open(entry.retry_after));
  }
  remote_->started(booked, now);
  return let_in(turn, entry.permit, now);
}

GatePermit GateCore::let_in(GateTurn& turn, const SharedBreaker::Permit& breaker,
                            TimePoint now) noexcept {
  const std::shared_ptr<GateCore> self = std::move(turn.core_);
  leave_line(turn.priority_, false);
  has_head_ = false;
  next();
  metrics_.wait.record(now - turn.begun_);
  return permit(breaker, now, now - turn.begun_);
}

}  // namespace tidegate::internal
