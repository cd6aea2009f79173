// SPDX-License-Identifier: Apache-2.0
#include "http/fetch.hpp"

#include <algorithm>
#include <new>
#include <utility>

namespace tidegate::internal {

namespace {

// Counts while it lives.
class Counted {
 public:
  explicit Counted(Gauge& gauge) noexcept : gauge_(gauge) { gauge_.add(1); }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;
  ~Counted() { gauge_.add(-1); }

 private:
  Gauge& gauge_;
};

Deadline deadline_of(const HttpPlan& plan, TimePoint begun) noexcept {
  return plan.deadline.earlier(Deadline::after(plan.timeout, begun));
}

}  // namespace

Fetch::Fetch(std::shared_ptr<HttpCore> core, HttpPlan plan, TimePoint begun)
    : FlowOperation(core->loop(), deadline_of(plan, begun)),
      core_(std::move(core)),
      plan_(std::move(plan)),
      method_(plan_.wire.method),
      shown_(plan_.wire.shown),
      begun_(begun),
      result_(Status(Cause::kInternal, "a request that has not ended")) {
  core_->metrics().requests.add();
}

Operation<Response> Fetch::start(std::shared_ptr<HttpCore> core, HttpPlan plan, TimePoint now) {
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
  const Deadline until = Deadline::after(plan_.pool_timeout, loop().now());
  HttpPool& pool = core_->pool();
  const HttpSlot slot = co_await pool.enter(plan_.origin, until);
  if (!slot.held()) {
    refused_ = not_let_in(slot.refused());
    co_return;
  }
  queued_ = std::max(Duration::zero(), loop().now() - begun_);
  core_->metrics().queue_time.record(*queued_);
  const Counted counted(core_->metrics().in_flight);
  Transport& transport = core_->transport();
  transport.keep(pool.limits().most);
  auto exchanging = transport.exchange(std::move(plan_.wire));
  reply_ = co_await std::move(exchanging);
}

Status Fetch::not_let_in(Cause why) const {
  const HttpPool& pool = core_->pool();
  if (why == Cause::kQueueFull) {
    return Status(why, what() + ": " + std::to_string(pool.waiting()) + " requests wait already");
  }
  return Status(why, what() + ": no connection became free within " +
                         format_duration(plan_.pool_timeout) + ", " + std::to_string(pool.out()) +
                         " are in use");
}

void Fetch::settle(const Status& outcome) noexcept {
  const TimePoint now = has_begun_ ? loop().now() : begun_;
  const Duration total = std::max(Duration::zero(), now - begun_);
  HttpMetrics& metrics = core_->metrics();
  metrics.opened.add(static_cast<std::uint64_t>(std::max(0, reply_.connections)));
  if (reply_.sends > 1) metrics.resent.add();
  // A response that has come stays one, whoever gave it up meanwhile.
  const bool has_response = reply_.status.ok() && reply_.http_status != 0;
  if (has_response) {
    if (reply_.reused) metrics.reused.add();
    result_ = response(total);
  } else {
    try {
      const int attempts = queued_ ? std::max(1, reply_.sends) : 0;
      result_ = reason(outcome, total).with_elapsed(total).with_attempts(attempts);
    } catch (const std::bad_alloc&) {
      result_ = Status(Cause::kNoMemory, "a request ran out of memory");
    }
  }
  metrics.ended(result_.status(), total);
}

Response Fetch::response(Duration total) {
  Response made;
  made.status = reply_.http_status;
  made.headers = std::move(reply_.headers);
  made.body = std::move(reply_.body);
  made.reused = reply_.reused;
  made.attempts = reply_.sends;
  made.timings.queue = queued_.value_or(Duration::zero());
  made.timings.dns = reply_.timings.dns;
  made.timings.connect = reply_.timings.connect;
  made.timings.tls = reply_.timings.tls;
  made.timings.first_byte = reply_.timings.first_byte;
  // The loop reads its clock once a turn, the transport when something happens.
  made.timings.total = std::max(total, reply_.timings.total);
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
    return Status(Cause::kDeadline, what() + ": no answer within " + within + where);
  }
  if (outcome.cause() == Cause::kClosed)
    return Status(Cause::kClosed, what() + ": closed before its end");
  if (!outcome.ok()) return outcome;
  return refused_.ok() ? reply_.status : refused_;
}

}  // namespace tidegate::internal
