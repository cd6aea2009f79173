// SPDX-License-Identifier: Apache-2.0
#include "http/fetch.hpp"

#include <algorithm>
#include <chrono>
#include <new>
#include <utility>

#include "base/block_shelf.hpp"
#include "base/ports/clock.hpp"
#include "base/sleep.hpp"
#include "gate/gate_core.hpp"
#include "http/exchange.hpp"
#include "http/hedge.hpp"
#include "http/redirect.hpp"
#include "policy/retry_after.hpp"

namespace tidegate::internal {

namespace {

// A request that was refused has no plan.
const RetryPolicy::Values& policy_of(const HttpPlan& plan) {
  static const auto* const none = new RetryPolicy::Values(RetryPolicy::none().values());
  return plan.retry ? *plan.retry : *none;
}

const Status& not_ended() {
  static const auto* const none =
      new Status(Cause::kInternal, "a request that has not ended");  // one for all: it is copied
  return *none;
}

Deadline deadline_of(const HttpPlan& plan, TimePoint begun) noexcept {
  return plan.deadline.earlier(Deadline::after(plan.timeout, begun));
}

// As many as may well be under way at once.
constinit BlockShelf<sizeof(Fetch), 128> shelf;

}  // namespace

void* Fetch::operator new(std::size_t size) {
  return size == sizeof(Fetch) ? shelf.take() : ::operator new(size);
}

void Fetch::operator delete(void* block, std::size_t size) noexcept {
  size == sizeof(Fetch) ? shelf.put(block) : ::operator delete(block, size);
}

Fetch::Fetch(std::shared_ptr<HttpCore> core, HttpPlan&& plan, TimePoint begun)
    : FlowOperation(core->loop(), deadline_of(plan, begun)),
      core_(std::move(core)),
      plan_(std::move(plan)),
      begun_(begun),
      attempts_(policy_of(plan_), core_->budget(), core_->rng()),
      result_(not_ended()) {
  core_->metrics().requests.add();
}

Operation<Response> Fetch::start(std::shared_ptr<HttpCore> core, HttpPlan&& plan, TimePoint now) {
  return Operation<Response>((new Fetch(std::move(core), std::move(plan), now))->begin());
}

Operation<Response> Fetch::refused(std::shared_ptr<HttpCore> core, const Status& why) {
  auto* const fetch = new Fetch(std::move(core), HttpPlan(), Deadline::now());
  OperationRef handle = OperationRef::adopt(fetch);
  fetch->end(why);
  return Operation<Response>(std::move(handle));
}

Task<void> Fetch::flow() {
  has_begun_ = true;
  Scope& scope = co_await this_scope();
  const HttpCore::Seat seat(*core_, scope);
  if (core_->closed()) {
    refused_ = Status(Cause::kClosed, "the client was closed");
    co_return;
  }
  core_->budget().call();
  take_proxy();
  TransportReply before;
  for (;;) {
    tried_ = loop().now();
    auto trying = try_once();
    co_await std::move(trying);
    if (!scope.ok() || is_handed_out()) co_return;
    if (is_led_on()) continue;
    attempts_.ended(tried(reply_), loop().now() - tried_, loop().now(), deadline());
    if (!attempts_.again()) {
      // What the last attempt came to is the outcome, not that there was none after it.
      if (is_refused_by_gate_ && attempts_.count() > 1) refused_ = {};
      if (is_refused_by_gate_) reply_ = std::move(before);
      co_return;
    }
    core_->metrics().retries.add();
    before = std::exchange(reply_, {});
    const TimePoint next = loop().now() + attempts_.pause();
    const Cause woken = co_await sleep_until(next);
    if (woken != Cause::kNone) co_return;
    take_proxy();
  }
}

// For an attempt, and where redirects lead from there.
void Fetch::take_proxy() {
  if (!plan_.rotates) return;
  way_ = core_->proxies().next(loop().now());
  plan_.wire.route = way_.route;
}

Task<void> Fetch::try_once() {
  const TimePoint begun = queued_ ? loop().now() : begun_;
  HttpTurn turn;
  if (plan_.gate) {
    auto entering = enter_gate(&turn);
    co_await std::move(entering);
  } else {
    auto entering = enter_pool(&turn);
    co_await std::move(entering);
  }
  if (!turn.slot) co_return;
  const Duration queued = std::max(Duration::zero(), loop().now() - begun);
  queued_ = queued_.value_or(Duration::zero()) + queued;
  core_->metrics().queue_time.record(queued);
  HttpPlace::InWire in_wire(plan_.wire, core_, std::move(turn), plan_.attempt_limit());
  if (plan_.wire.upload) (void)plan_.wire.upload->rewind();
  const HttpPoolLimits& limits = core_->pool().limits();
  core_->transport().keep(limits.most, limits.most_idle);
  if (plan_.keeps_cookies) send_cookies();
  auto exchanging = exchange(&in_wire);
  TransportReply came = co_await std::move(exchanging);
  if (plan_.keeps_cookies) core_->cookies().store(plan_.place, came.headers, wall_time());
  const bool is_decoded = !leads_on(came) && came.headers.contains("Content-Encoding");
  if (!is_decoded) {
    reply_ = std::move(came);
    co_return;
  }
  auto decoding = decode_body(std::move(came), plan_.decodes_to, what(), &core_->decode_share());
  reply_ = co_await std::move(decoding);
}

Task<void> Fetch::enter_pool(HttpTurn* turn) {
  const Deadline until = Deadline::after(plan_.pool_timeout, loop().now());
  HttpSlot slot = co_await core_->pool().enter(plan_.lane(), until);
  if (slot.held()) {
    turn->slot.emplace(std::move(slot));
  } else {
    refused_ = not_let_in(slot.refused());
  }
}

// Its line takes the place of the pool's: of each gate only the head stands there.
Task<void> Fetch::enter_gate(HttpTurn* turn) {
  is_refused_by_gate_ = true;
  const Deadline until = deadline();
  GateTurn head = co_await plan_.gate->enter(GatePriority::kNormal, until);
  if (!head.held()) {
    refused_ = head.status();
    co_return;
  }
  auto entering = enter_pool(turn);
  co_await std::move(entering);
  is_refused_by_gate_ = turn->slot.has_value();
  if (!is_refused_by_gate_) co_return;
  auto starting = plan_.gate->start(std::move(head));
  auto permit = co_await std::move(starting);
  is_refused_by_gate_ = !permit.ok();
  if (permit.ok()) {
    turn->permit.emplace(std::move(permit).value());
  } else {
    refused_ = permit.status();
    turn->slot.reset();
  }
}

Task<TransportReply> Fetch::exchange(HttpPlace::InWire* in_wire) {
  const bool is_first = attempts_.count() == 0 && plan_.redirects == 0;
  if (is_first && HttpHedge::suits(plan_)) {
    auto racing = exchange_hedged(in_wire);
    TransportReply won = co_await std::move(racing);
    co_return won;
  }
  auto exchanging = exchange_in_turn(core_.get(), &plan_, &plan_.wire);
  TransportReply came = co_await std::move(exchanging);
  in_wire->ended(came);
  count(came, way_);
  co_return came;
}

Task<TransportReply> Fetch::exchange_hedged(HttpPlace::InWire* in_wire) {
  HttpHedge hedge(core_, plan_, plan_.wire, *in_wire, attempts_);
  auto racing = hedge.run();
  TransportReply came = co_await std::move(racing);
  is_hedged_ = hedge.began();
  count(came, hedge.second_won() ? hedge.second_way() : way_);
  if (is_hedged_) count(hedge.loser(), hedge.second_won() ? way_ : hedge.second_way());
  co_return came;
}

void Fetch::count(const TransportReply& came, const HttpProxies::Way& way) {
  const TimePoint now = loop().now();
  const bool is_known = came.proxy_failed || came.sends > 0;
  if (plan_.rotates && is_known) core_->proxies().ended(way, came.proxy_failed, now);
  sent_ += std::max(1, came.sends);
  connections_ += std::max(0, came.connections);
  if (came.sends <= 1) return;
  core_->metrics().resent.add();
  core_->budget().charge(now);
}

// In each attempt anew, and for where it goes now.
void Fetch::send_cookies() {
  std::string cookies = core_->cookies().field(plan_.place, wall_time());
  plan_.wire.headers.remove("Cookie");
  if (!cookies.empty()) plan_.wire.headers.add("Cookie", std::move(cookies));
}

bool Fetch::leads_on(const TransportReply& reply) const noexcept {
  return plan_.wire.follows && reply.status.ok() &&
         leads_elsewhere(reply.http_status, reply.headers);
}

// A redirect is no failure and takes no attempt.
bool Fetch::is_led_on() {
  if (!refused_.ok() || !leads_on(reply_)) return false;
  refused_ = follow(plan_, reply_);
  reply_ = {};
  return refused_.ok();
}

Tried Fetch::tried(const TransportReply& reply) const {
  if (!refused_.ok()) return {.cause = refused_.cause(), .was_sent = false};
  // One of its proxies knows another user; the others may not.
  const bool may_go_elsewhere = plan_.rotates && reply.status.cause() == Cause::kProxyAuth &&
                                core_->proxies().has_another(loop().now());
  return {.cause = may_go_elsewhere ? Cause::kProxy : reply.status.cause(),
          .http_status = reply.http_status,
          .was_sent = reply.sends > 0,
          .may_be_repeated = plan_.may_be_repeated,
          .asked = asked_by(reply),
          .was_hedged = is_hedged_ && attempts_.count() == 0};
}

bool Fetch::may_be_followed(const TransportReply& head) const {
  return leads_on(head) || attempts_.may_follow(tried(head));
}

Response Fetch::hand_out(const TransportReply& head) {
  const TimePoint now = loop().now();
  attempts_.ended(tried(head), now - tried_, now, deadline());
  is_handed_out_ = true;
  if (plan_.keeps_cookies) core_->cookies().store(plan_.place, head.headers, wall_time());
  TransportReply reply = head;
  return response(reply, sent_ + std::max(1, head.sends), now - begun_);
}

Status Fetch::not_let_in(Cause why) const {
  const HttpPool& pool = core_->pool();
  if (why == Cause::kQueueFull && pool.limits().overflow == Overflow::kFail) {
    return Status(why, what() + ": no connection is free, " + std::to_string(pool.out()) +
                           " are in use, and it may not wait");
  }
  if (why == Cause::kQueueFull) {
    return Status(why, what() + ": " + std::to_string(pool.waiting()) + " requests wait already");
  }
  return Status(why, what() + ": no connection became free within " +
                         format_duration(plan_.pool_timeout) + ", " + std::to_string(pool.out()) +
                         " are in use");
}

void Fetch::settle(const Status& outcome) noexcept {
  if (plan_.wire.upload) plan_.wire.upload->over();
  const TimePoint now = has_begun_ ? loop().now() : begun_;
  const Duration total = std::max(Duration::zero(), now - begun_);
  HttpMetrics& metrics = core_->metrics();
  metrics.opened.add(static_cast<std::uint64_t>(connections_));
  if (attempts_.end() == RetryEnd::kNoBudget) metrics.out_of_budget.add();
  // A response that has come stays one, whoever gave it up meanwhile.
  const bool has_response = reply_.status.ok() && reply_.http_status != 0 && !leads_on(reply_);
  try {
    if (has_response) {
      if (reply_.reused) metrics.reused.add();
      result_ = response(reply_, sent_, total);
    } else {
      result_ = reason(outcome, total)
                    .with_elapsed(total)
                    .with_attempts(queued_ ? std::max(1, sent_) : 0)
                    .with_history(attempts_.take_history());
    }
  } catch (const std::bad_alloc&) {
    result_ = Status(Cause::kNoMemory, "a request ran out of memory");
  }
  metrics.ended(result_.status(), total);
}

Response Fetch::response(TransportReply& reply, int sent, Duration total) {
  Response made;
  made.status = reply.http_status;
  made.headers = std::move(reply.headers);
  made.body = std::move(reply.body);
  made.reused = reply.reused;
  made.url = plan_.place.url;
  if (!plan_.place.fragment.empty()) made.url += "#" + plan_.place.fragment;
  made.redirects = plan_.redirects;
  made.attempts = sent;
  made.hedged = is_hedged_;
  made.history = attempts_.take_history();
  made.timings.queue = queued_.value_or(Duration::zero());
  made.timings.dns = reply.timings.dns;
  made.timings.connect = reply.timings.connect;
  made.timings.tls = reply.timings.tls;
  made.timings.first_byte = reply.timings.first_byte;
  // The loop reads its clock once a turn, the transport when something happens.
  made.timings.total = std::max(total, reply.timings.total);
  return made;
}

Status Fetch::reason(const Status& outcome, Duration total) const {
  if (outcome.cause() == Cause::kDeadline) {
    const std::string within =
        format_duration(std::max(Duration::zero(), deadline().time() - begun_));
    const Duration queued = queued_.value_or(total);
    const bool says_more = queued >= std::chrono::milliseconds(1);
    const std::string where =
        says_more ? ", " + format_duration(queued) + " of it waiting for its turn" : std::string();
    const int tried = attempts_.count();
    const std::string which = tried > 0 ? ", in attempt " + std::to_string(tried + 1) : "";
    return Status(Cause::kDeadline, what() + ": no answer within " + within + where + which);
  }
  if (has_begun_ && outcome.cause() == Cause::kClosed)
    return Status(Cause::kClosed, what() + ": closed before its end");
  if (!outcome.ok()) return outcome;
  const Status& why = refused_.ok() ? reply_.status : refused_;
  const std::string note = attempts_.note();
  if (note.empty()) return why;
  return Status(why.cause(), std::string(why.message()) + " (" + note + ")");
}

}  // namespace tidegate::internal
