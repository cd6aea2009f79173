// SPDX-License-Identifier: Apache-2.0
#include "cache/flight.hpp"

#include <utility>

#include "cache/core.hpp"
#include "cache/tier.hpp"

namespace tidegate::internal {

Flight::Flight(std::shared_ptr<CacheCore> core, std::string key,
               std::shared_ptr<CacheLoader> loader, const EntryOptions& entry, Duration max_age)
    : Root(core->loop(), Deadline::after(core->settings().load_timeout, core->loop().now())),
      core_(std::move(core)),
      key_(std::move(key)),
      loader_(std::move(loader)),
      begun_(core_->loop().now()),
      load_(Ref<Load>::adopt(
          new Load(core_, core_->loop(), key_, scope().deadline(), entry, max_age))) {}

// The flow holds a reference of its own.
void Flight::take_off() {
  start(fly());
  ref();
}

Task<void> Flight::fly() {
  Tier* const tier = core_->tier();
  if (tier) {
    auto fetching = tier->fetch(load_.get());
    co_await std::move(fetching);
    auto lining_up = load_->line_up();
    co_await std::move(lining_up);
  }
  if (!scope().ok()) {
    load_->leave_line();
    take(scope().reason());
    co_return;
  }
  loader_->start(LoadTicket(load_));
  const Cause woken = co_await load_->wait();
  take(woken);
}

void Flight::take(Cause woken) {
  if (woken != Cause::kNone) {
    load_->stop();
    const Duration spent = core_->loop().now() - begun_;
    status_ = Status(woken, "cache '" + core_->settings().name + "': the load was given up after " +
                                format_duration(spent));
    return;
  }
  status_ = load_->take_status();
  keepsake_ = load_->keepsake();
  value_ = load_->take_value();
  version_ = load_->version();
  negative_ = load_->negative();
  age_ = load_->age();
}

void Flight::ended(std::exception_ptr error) noexcept {
  if (error) status_ = status_of(error, Cause::kInternal, "a flight");
  landed_ = true;
  core_->flight_landed(*this);
  while (Landing* const waiter = waiting_.pop_front()) waiter->flight_landed();
  unref();
}

bool Flight::Landing::wait(Scope& scope, std::coroutine_handle<> waiter) noexcept {
  refuse(scope.reason());
  if (!scope.ok() || until_.passed(scope.loop().now())) return false;
  park(scope, waiter);
  flight_->waiting_.push_back(*this);
  if (!until_.is_never()) scope.loop().arm(*this, until_.time());
  return true;
}

void Flight::Landing::flight_landed() noexcept {
  scope()->loop().disarm(*this);
  complete(Cause::kNone);
}

void Flight::Landing::fired() noexcept {
  internal::ListNode<Landing>::unlink();
  complete(Cause::kNone);
}

void Flight::Landing::on_cancel() noexcept {
  internal::ListNode<Landing>::unlink();
  scope()->loop().disarm(*this);
}

}  // namespace tidegate::internal
