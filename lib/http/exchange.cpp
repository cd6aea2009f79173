// SPDX-License-Identifier: Apache-2.0
#include "http/exchange.hpp"

#include <utility>

#include "base/sleep.hpp"
#include "http/deadline_field.hpp"
#include "tidegate/retry.hpp"

namespace tidegate::internal {

namespace {

// Where it is cancelled meanwhile its turn is lost, and nobody opens a connection earlier for it.
Task<TransportReply> over_new_connection(HttpCore* core, const HttpPlan* plan,
                                         TransportRequest* wire) {
  Scope& scope = co_await this_scope();
  const Loop& loop = scope.loop();
  const TimePoint turn = core->connect_pace().next(loop.now());
  if (turn > loop.now()) core->metrics().paced.add();
  const Cause woken = co_await sleep_until(turn);
  if (woken != Cause::kNone) {
    TransportReply none;
    none.status = Status(woken, wire->method + " " + wire->shown + ": it was stopped");
    co_return none;
  }
  wire->may_open = true;
  tell_deadline(*plan, *wire, scope.left());
  auto exchanging = core->transport().exchange(wire);
  TransportReply came = co_await std::move(exchanging);
  co_return came;
}

}  // namespace

std::optional<Duration> asked_by(const TransportReply& reply) noexcept {
  return Retries::asked(reply.headers, reply.http_status);
}

Task<TransportReply> exchange_in_turn(HttpCore* core, const HttpPlan* plan,
                                      TransportRequest* wire) {
  Scope& scope = co_await this_scope();
  tell_deadline(*plan, *wire, scope.left());
  wire->may_open = !core->connect_pace().bounds();
  auto exchanging = core->transport().exchange(wire);
  TransportReply came = co_await std::move(exchanging);
  if (!came.wants_connection) co_return came;
  auto opening = over_new_connection(core, plan, wire);
  TransportReply opened = co_await std::move(opening);
  co_return opened;
}

}  // namespace tidegate::internal
