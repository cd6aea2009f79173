// SPDX-License-Identifier: Apache-2.0
#include "http/pool.hpp"

namespace tidegate::internal {

HttpSlot::~HttpSlot() {
  if (pool_) pool_->give_back(*origin_);
}

// A slot that was granted and not taken goes back; so does the place of who never waited.
HttpOrigin::Enter::~Enter() {
  if (granted_) pool_.give_back(origin_);
}

bool HttpOrigin::Enter::wait(Scope& scope, std::coroutine_handle<> flow) noexcept {
  refuse(scope.reason());
  if (!scope.ok()) {
    pool_.forget_if_idle(origin_);
    return false;
  }
  if (pool_.lets_in(origin_)) {
    pool_.take(origin_);
    granted_ = true;
    return false;
  }
  if (!pool_.may_wait()) {
    refuse(Cause::kQueueFull);
    pool_.forget_if_idle(origin_);
    return false;
  }
  park(scope, flow);
  pool_.queue(*this);
  if (!until_.is_never()) scope.loop().arm(*this, until_.time());
  return true;
}

void HttpOrigin::Enter::grant() noexcept {
  granted_ = true;
  scope()->loop().disarm(*this);
  complete(Cause::kNone);
}

void HttpOrigin::Enter::fired() noexcept {
  pool_.leave(*this);
  complete(Cause::kPoolTimeout);
}

void HttpOrigin::Enter::on_cancel() noexcept {
  scope()->loop().disarm(*this);
  pool_.leave(*this);
}

HttpOrigin::Enter HttpPool::enter(const std::string& origin, Deadline until) {
  return {*this, place_of(origin), until};
}

HttpSlot HttpPool::try_enter(const std::string& origin) {
  HttpOrigin& place = place_of(origin);
  if (lets_in(place)) {
    take(place);
    return HttpSlot(*this, place);
  }
  forget_if_idle(place);
  return HttpSlot(Cause::kQueueFull);
}

HttpOrigin& HttpPool::place_of(const std::string& origin) {
  const auto place = origins_.try_emplace(origin).first;
  place->second.name_ = &place->first;
  return place->second;
}

void HttpPool::take(HttpOrigin& origin) noexcept {
  ++out_;
  ++origin.out_;
}

void HttpPool::give_back(HttpOrigin& origin) noexcept {
  const bool had_room = has_room(origin);
  --out_;
  --origin.out_;
  if (!had_room && !origin.waiting_.empty()) turns_.push_back(origin);
  hand_out();
  forget_if_idle(origin);
}

void HttpPool::hand_out() noexcept {
  while (out_ < limits_.most && !turns_.empty()) {
    HttpOrigin& origin = *turns_.pop_front();
    HttpOrigin::Enter& head = *origin.waiting_.pop_front();
    --waiting_;
    waiting_gauge_.add(-1);
    take(origin);
    if (has_room(origin) && !origin.waiting_.empty()) turns_.push_back(origin);
    head.grant();
  }
}

void HttpPool::queue(HttpOrigin::Enter& enter) noexcept {
  HttpOrigin& origin = enter.origin_;
  if (origin.waiting_.empty() && has_room(origin)) turns_.push_back(origin);
  origin.waiting_.push_back(enter);
  ++waiting_;
  waiting_gauge_.add(1);
}

void HttpPool::leave(HttpOrigin::Enter& enter) noexcept {
  HttpOrigin& origin = enter.origin_;
  enter.ListNode<HttpOrigin::Enter>::unlink();
  --waiting_;
  waiting_gauge_.add(-1);
  if (origin.waiting_.empty()) origin.unlink();
  forget_if_idle(origin);
}

void HttpPool::forget_if_idle(HttpOrigin& origin) noexcept {
  if (origin.out_ == 0 && origin.waiting_.empty()) origins_.erase(origins_.find(*origin.name_));
}

}  // namespace tidegate::internal
