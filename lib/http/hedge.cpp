// SPDX-License-Identifier: Apache-2.0
#include "http/hedge.hpp"

#include <utility>

#include "gate/gate_core.hpp"
#include "http/exchange.hpp"

namespace tidegate::internal {

bool HttpHedge::suits(const HttpPlan& plan) noexcept {
  return plan.hedges && plan.may_be_repeated && !plan.wire.upload && !plan.wire.sink;
}

Task<TransportReply> HttpHedge::run() {
  Scope& scope = co_await this_scope();
  auto racing = with_group(&HttpHedge::race, this);
  const int winner = co_await std::move(racing);
  winner_ = winner;
  learn(scope);
  if (began()) core_->metrics().hedges.add();
  if (second_won()) core_->metrics().hedge_wins.add();
  co_return std::move(replies_[static_cast<std::size_t>(winner_)]);
}

Task<int> HttpHedge::race(Group& group, HttpHedge* self) {
  Scope& scope = co_await this_scope();
  const Deadline never;
  group.spawn(self->send(0));
  const Deadline due = self->due(scope.loop().now());
  const int early = co_await group.next(due);
  if (early != Group::kNobody || !scope.ok()) co_return 0;
  auto beginning = self->begin_second();
  const bool has_begun = co_await std::move(beginning);
  if (!has_begun) {
    co_await group.next(never);
    co_return 0;
  }
  group.spawn(self->send(1));
  const int ended = co_await group.next(never);
  if (ended == Group::kNobody) co_return 0;
  if (self->is_good(ended)) co_return ended;
  const int other = co_await group.next(never);
  if (other == Group::kNobody) co_return ended;
  co_return self->better(ended, other);
}

Task<void> HttpHedge::send(std::size_t which) {
  Scope& scope = co_await this_scope();
  const TimePoint begun = scope.loop().now();
  auto exchanging = exchange_in_turn(core_.get(), &plan_, wires_[which]);
  TransportReply came = co_await std::move(exchanging);
  places_[which]->ended(came);
  replies_[which] = std::move(came);
  if (which == 0) took_ = scope.loop().now() - begun;
}

Deadline HttpHedge::due(TimePoint now) const noexcept {
  if (plan_.hedge_delay > Duration::zero()) return Deadline::after(plan_.hedge_delay, now);
  const std::optional<Duration> delay = core_->hedge_delay().delay();
  return delay ? Deadline::after(*delay, now) : Deadline::never();
}

Task<bool> HttpHedge::begin_second() {
  const Scope& scope = co_await this_scope();
  const TimePoint now = scope.loop().now();
  TransportRequest wire = *wires_[0];
  if (plan_.rotates) wire.route = core_->proxies().peek(now);
  HttpTurn turn;
  HttpSlot slot = core_->pool().try_enter(HttpPlan::lane_of(plan_.place, wire.route.get()));
  if (!slot.held() || !core_->budget().try_take(now)) co_return false;
  turn.slot.emplace(std::move(slot));
  if (plan_.gate) {
    auto entering = GateCore::try_enter_in_flow(plan_.gate, false);
    GatePermit permit = co_await std::move(entering);
    if (!permit) {
      core_->budget().put_back();
      co_return false;
    }
    turn.permit.emplace(std::move(permit));
  }
  if (plan_.rotates) {
    way_ = core_->proxies().next(now);
    wire.route = way_.route;
  }
  wires_[1] = &second_.emplace(std::move(wire));
  places_[1] = &place_.emplace(*second_, core_, std::move(turn), plan_.attempt_limit());
  co_return true;
}

bool HttpHedge::is_good(int which) const {
  const TransportReply& reply = replies_[static_cast<std::size_t>(which)];
  return reply.status.ok() && !attempts_.is_worth_another({.http_status = reply.http_status});
}

int HttpHedge::better(int earlier, int later) const noexcept {
  if (is_good(later)) return later;
  const bool is_answer = replies_[static_cast<std::size_t>(later)].status.ok();
  const bool was_answer = replies_[static_cast<std::size_t>(earlier)].status.ok();
  return was_answer && !is_answer ? earlier : later;
}

// What its caller gave up says nothing of its server.
void HttpHedge::learn(const Scope& scope) noexcept {
  if (!scope.ok() && scope.reason() != Cause::kDeadline) return;
  const Cause cause = replies_[0].status.cause();
  const bool is_known = cause == Cause::kNone || cause == Cause::kCancelled ||
                        cause == Cause::kDeadline || cause == Cause::kAttemptTimeout;
  if (is_known) core_->hedge_delay().add(took_);
}

}  // namespace tidegate::internal
