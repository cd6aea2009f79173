// SPDX-License-Identifier: Apache-2.0
#include "cache/outbox.hpp"

#include <algorithm>
#include <utility>

#include "cache/invalidation.hpp"

namespace tidegate::internal {

// The gauges count for all caches of the name.
Outbox::~Outbox() {
  std::lock_guard lock(mutex_);
  drop_stores_locked();
  waiting_.clear();
  everything_ = false;
  count_invalidations();
}

std::string Outbox::token(std::uint64_t number) const {
  return std::to_string(sender_).append("-").append(std::to_string(number));
}

void Outbox::count_invalidations() noexcept {
  const auto now = static_cast<std::int64_t>(waiting_.size()) + (everything_ ? 1 : 0);
  metrics_.pending_invalidations.add(now - std::exchange(counted_, now));
}

void Outbox::forget(std::string_view key, bool keeps_stale) {
  std::lock_guard lock(mutex_);
  forget_locked(key, keeps_stale);
  count_invalidations();
}

void Outbox::forget_locked(std::string_view key, bool keeps_stale) {
  drop_store_locked(key);
  const auto known = waiting_.find(key);
  if (known != waiting_.end()) {
    known->second.token = ++tokens_;
    known->second.keeps_stale = known->second.keeps_stale && keeps_stale;
    return;
  }
  if (key.size() > kMostInvalidationKey || waiting_.size() >= limits_.invalidations) {
    metrics_.overflows.add();
    return forget_everything_locked(keeps_stale);
  }
  std::list<std::string> place{std::string(key)};
  waiting_.emplace(key,
                   Waiting{.token = ++tokens_, .place = place.begin(), .keeps_stale = keeps_stale});
  queue_.splice(queue_.end(), place);
}

void Outbox::forget_everything(bool keeps_stale) {
  std::lock_guard lock(mutex_);
  forget_everything_locked(keeps_stale);
  count_invalidations();
}

void Outbox::forget_everything_locked(bool keeps_stale) {
  for (const std::string& key : queue_) {
    const auto known = waiting_.find(key);
    keeps_stale = keeps_stale && known->second.keeps_stale;
    waiting_.erase(known);
  }
  queue_.clear();
  drop_stores_locked();
  everything_keeps_stale_ = keeps_stale && (!everything_ || everything_keeps_stale_);
  everything_again_ = everything_in_flight_;
  everything_ = true;
}

void Outbox::store(PendingStore store) {
  std::lock_guard lock(mutex_);
  store_locked(std::move(store));
  count_invalidations();
}

// Whatever came meanwhile is newer.
void Outbox::put_back(PendingStore store) {
  std::lock_guard lock(mutex_);
  if (store_of_.contains(store.key)) return metrics_.dropped.add();
  store_locked(std::move(store));
}

void Outbox::store_locked(PendingStore store) {
  const bool is_void = store.guard_seen && (everything_ || waiting_.contains(store.key));
  if (is_void) return metrics_.dropped.add();
  drop_store_locked(store.key);
  if (store_bytes_ + weight(store) > limits_.store_bytes) {
    metrics_.dropped.add();
    if (!store.guard_seen) forget_locked(store.key, true);  // what is there must not hide it
    return;
  }
  store_of_.emplace(store.key, ++store_numbers_);
  store_bytes_ += weight(store);
  metrics_.pending_stores.add(1);
  metrics_.pending_bytes.add(static_cast<std::int64_t>(weight(store)));
  stores_.emplace(store_numbers_, std::move(store));
}

PendingStore Outbox::take(Store store) noexcept {
  PendingStore taken = std::move(store->second);
  store_of_.erase(store_of_.find(taken.key));
  stores_.erase(store);
  store_bytes_ -= weight(taken);
  metrics_.pending_stores.add(-1);
  metrics_.pending_bytes.add(-static_cast<std::int64_t>(weight(taken)));
  return taken;
}

void Outbox::drop_store_locked(std::string_view key) noexcept {
  for (InFlight& each : in_flight_) each.wanted = each.wanted && each.key != key;
  const auto known = store_of_.find(key);
  if (known == store_of_.end()) return;
  take(stores_.find(known->second));
  metrics_.dropped.add();
}

void Outbox::drop_stores_locked() noexcept {
  for (InFlight& each : in_flight_) each.wanted = false;
  while (!stores_.empty()) {
    take(stores_.begin());
    metrics_.dropped.add();
  }
}

void Outbox::drop_store(std::string_view key) noexcept {
  std::lock_guard lock(mutex_);
  drop_store_locked(key);
}

void Outbox::drop_stores() noexcept {
  std::lock_guard lock(mutex_);
  drop_stores_locked();
}

void Outbox::distrust_puts() {
  std::lock_guard lock(mutex_);
  std::vector<std::string> keys;
  for (const auto& [number, store] : stores_) {
    if (!store.guard_seen) keys.push_back(store.key);
  }
  for (const std::string& key : keys) forget_locked(key, true);
  count_invalidations();
}

bool Outbox::is_void(std::string_view key) const {
  std::lock_guard lock(mutex_);
  return everything_ || waiting_.contains(key);
}

bool Outbox::has_next() const {
  std::lock_guard lock(mutex_);
  if (everything_ && !everything_in_flight_) return true;
  return !queue_.empty() || (!everything_ && waiting_.empty() && !stores_.empty());
}

std::optional<Forgetting> Outbox::next_forgetting() {
  std::lock_guard lock(mutex_);
  if (everything_ && !everything_in_flight_) {
    everything_in_flight_ = true;
    everything_again_ = false;
    return Forgetting{
        .key = {}, .token = {}, .everything = true, .keeps_stale = everything_keeps_stale_};
  }
  if (queue_.empty()) return std::nullopt;
  Waiting& waiting = waiting_.find(queue_.front())->second;
  Forgetting next{.key = queue_.front(),
                  .token = token(waiting.token),
                  .number = waiting.token,
                  .keeps_stale = waiting.keeps_stale};
  told_.splice(told_.end(), queue_, waiting.place);
  waiting.in_flight = true;
  return next;
}

void Outbox::told(const Forgetting& forgetting, bool succeeded) noexcept {
  std::lock_guard lock(mutex_);
  if (forgetting.everything) {
    everything_in_flight_ = false;
    everything_ = !succeeded || everything_again_;
    return count_invalidations();
  }
  const auto known = waiting_.find(forgetting.key);
  if (known == waiting_.end() || !known->second.in_flight) return;
  Waiting& waiting = known->second;
  if (succeeded && waiting.token == forgetting.number) {
    told_.erase(waiting.place);
    waiting_.erase(known);
    return count_invalidations();
  }
  waiting.in_flight = false;
  waiting.token = ++tokens_;
  queue_.splice(queue_.end(), told_, waiting.place);
}

bool Outbox::is_in_flight(std::string_view key) const noexcept {
  return std::any_of(in_flight_.begin(), in_flight_.end(),
                     [key](const InFlight& each) { return each.key == key; });
}

std::optional<PendingStore> Outbox::next_store(TimePoint now) {
  std::lock_guard lock(mutex_);
  if (everything_ || !waiting_.empty()) return std::nullopt;
  for (auto at = stores_.begin(); at != stores_.end();) {
    const auto store = at++;
    if (store->second.until <= now) {
      take(store);
      metrics_.dropped.add();
    } else if (!is_in_flight(store->second.key)) {
      in_flight_.push_back({store->second.key});
      return take(store);
    }
  }
  return std::nullopt;
}

bool Outbox::still_wanted(std::string_view key) const {
  std::lock_guard lock(mutex_);
  return std::any_of(in_flight_.begin(), in_flight_.end(),
                     [key](const InFlight& each) { return each.wanted && each.key == key; });
}

void Outbox::settled(std::string_view key) {
  std::lock_guard lock(mutex_);
  std::erase_if(in_flight_, [key](const InFlight& each) { return each.key == key; });
}

}  // namespace tidegate::internal
