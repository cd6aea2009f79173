// SPDX-License-Identifier: Apache-2.0
#include "cache/lookup.hpp"

#include <utility>

namespace tidegate::internal {

Lookup::Lookup(std::shared_ptr<CacheCore> core, std::string key, const LookupOptions& options,
               std::shared_ptr<CacheLoader> loader)
    : FlowOperation(core->loop(), options.deadline),
      core_(std::move(core)),
      key_(std::move(key)),
      hash_(core_->store().hash(key_)),
      options_(options),
      loader_(std::move(loader)),
      begun_(core_->now()) {}

OperationRef Lookup::look_up() {
  found_ = core_->find(key_, hash_, begun_, Look::kFirst);
  if (!found_.fresh()) return begin();
  if (found_.is_due) core_->refresh(key_, found_, loader_, options_.entry);
  OperationRef handle = OperationRef::adopt(this);
  end(Status());
  return handle;
}

OperationRef Lookup::refuse(const Status& why) {
  OperationRef handle = OperationRef::adopt(this);
  end(why);
  return handle;
}

Task<void> Lookup::wait_for_value() {
  // Somebody may have brought it on the way here.
  found_ = core_->find(key_, hash_, core_->loop().now());
  if (found_.fresh()) co_return;
  Ref<Flight> flight = core_->flight_of(key_);
  if (!flight) {
    const Status* const failure = core_->recent_failure(key_, found_.stale());
    if (failure) {
      recent_failure_ = *failure;
      co_return;
    }
    flight = core_->open_flight(key_, loader_, options_.entry);
  } else {
    core_->metrics().joined.add();
  }
  Deadline until = Deadline::never();
  if (found_.stale() && options_.soft_timeout) {
    until = Deadline::after(*options_.soft_timeout, core_->loop().now());
  }
  co_await flight->landing(until);
  flight_ = std::move(flight);
}

void Lookup::settle(const Status& outcome) noexcept {
  try {
    const bool has_nothing = !found_.fresh() && !found_.stale();
    if (has_nothing && flight_ && flight_->has_offered()) {
      found_ = core_->find(key_, hash_, core_->now(), Look::kFirst);
    }
    deliver(answer(outcome));
  } catch (const std::bad_alloc&) {
    deliver(Status(Cause::kNoMemory, "a lookup ran out of memory"));
  }
  found_ = Found();
  flight_ = Ref<Flight>();
}

Result<CacheAnswer> Lookup::answer(const Status& outcome) const {
  const bool given_up = outcome.cause() == Cause::kCancelled || outcome.cause() == Cause::kClosed;
  if (given_up) return outcome;
  if (found_.fresh()) return found_answer(Source::kCached, Status());
  if (flight_ && flight_->landed() && flight_->status().ok()) {
    return CacheAnswer{.value = flight_->value(),
                       .source = flight_->age() ? Source::kCached : Source::kFresh,
                       .age = flight_->age().value_or(Duration::zero()),
                       .version = flight_->version(),
                       .negative = flight_->negative(),
                       .reason = Status()};
  }
  Status reason = outcome;
  if (!recent_failure_.ok()) {
    reason = recent_failure_;
  } else if (flight_ && flight_->landed()) {
    reason = flight_->status();
  } else if (outcome.ok() || outcome.cause() == Cause::kDeadline) {
    reason = late();
  }
  // It was stale when it was found; it may be over by now.
  const bool still = found_.stale() && core_->now() < found_.stale_until;
  if (still) return found_answer(Source::kStale, std::move(reason));
  if (flight_ && flight_->landed() && flight_->value()) {
    return CacheAnswer{.value = flight_->value(),
                       .source = Source::kDefault,
                       .age = Duration::zero(),
                       .version = 0,
                       .negative = false,
                       .reason = std::move(reason)};
  }
  return reason;
}

CacheAnswer Lookup::found_answer(Source source, Status reason) const {
  return {.value = found_.value,
          .source = source,
          .age = core_->now() - found_.stored_at,
          .version = found_.version,
          .negative = found_.negative(),
          .reason = std::move(reason)};
}

Status Lookup::late() const {
  return Status(Cause::kDeadline, "cache '" + core_->settings().name + "': no value came within " +
                                      format_duration(core_->now() - begun_) +
                                      "; the load goes on");
}

}  // namespace tidegate::internal
