// SPDX-License-Identifier: Apache-2.0
#include "cache/load.hpp"

#include <algorithm>
#include <utility>

#include "cache/core.hpp"
#include "cache/tier.hpp"

// References: the flight's, the ticket's, and one of the message that is on its way home.
namespace tidegate::internal {

Load::Load(std::shared_ptr<CacheCore> core, Loop& loop, std::string key, Deadline deadline,
           const EntryOptions& entry, Duration max_age)
    : core_(std::move(core)),
      loop_(loop),
      key_(std::move(key)),
      hash_(core_->store().hash(key_)),
      deadline_(deadline),
      entry_(entry),
      max_age_(max_age) {
  core_->store().raise(fence_, key_, hash_);
}

Load::~Load() { core_->store().lower(fence_); }

bool Load::is_shared() const noexcept { return core_->tier() != nullptr; }

void Load::succeed(Loaded loaded) noexcept {
  if (ended_.exchange(true, std::memory_order_acq_rel)) return;
  if (!loaded.fallback_for.ok()) {
    status_ = std::move(loaded.fallback_for);
    value_ = std::move(loaded.value);
    return send_home();
  }
  version_ = core_->publish(*this, loaded);
  seal_for_tier(loaded);
  value_ = std::move(loaded.value);
  negative_ = loaded.negative;
  age_ = loaded.age;
  send_home();
}

void Load::fail(Status status, std::shared_ptr<const void> keepsake) noexcept {
  if (ended_.exchange(true, std::memory_order_acq_rel)) return;
  status_ = std::move(status);
  keepsake_ = std::move(keepsake);
  send_home();
}

bool Load::restore(Ref<CacheValue> value, std::size_t weight) noexcept {
  const StoredValue& stored = found_->value;
  const Duration since = std::max(core_->now() - found_->at, Duration::zero());
  if (since >= stored.fresh_left) {
    offer_stale(std::move(value), weight, since);
    return false;
  }
  core_->tier()->metrics().hits.add();
  Loaded loaded;
  loaded.value = std::move(value);
  loaded.weight = weight;
  loaded.ttl = stored.fresh_left - since;
  loaded.stale_for = stored.stale_left - stored.fresh_left;
  loaded.negative = stored.negative;
  loaded.age = stored.age + since;
  succeed(std::move(loaded));
  return true;
}

void Load::offer_stale(Ref<CacheValue> value, std::size_t weight, Duration since) noexcept {
  if (found_->value.negative || ended_.load(std::memory_order_relaxed)) return;
  core_->tier()->metrics().stale_hits.add();
  const bool is_kept = core_->publish_stale(*this, std::move(value), weight, since);
  if (is_kept) has_offered_.store(true, std::memory_order_release);
}

void Load::could_not_read() noexcept { core_->tier()->metrics().missed(TierMiss::kUnreadable); }

// On the loader's side, since it goes over all bytes.
void Load::seal_for_tier(const Loaded& loaded) noexcept {
  if (!loaded.encoded || version_ == 0 || stopped() || !core_->tier()) return;
  life_ = core_->life_in_tier(loaded, entry_);
  sealed_ = core_->seal_for_tier(key_, loaded, entry_, version_);
}

Task<void> Load::line_up() {
  if (found_ && found_->value.fresh_left > Duration::zero()) co_return;
  auto entering = core_->tier()->line().enter();
  is_in_line_ = co_await std::move(entering);
}

void Load::leave_line() noexcept {
  if (std::exchange(is_in_line_, false)) core_->tier()->line().leave();
}

void Load::send_home() noexcept {
  ref();
  if (!loop_.post(*this)) unref();  // no flight lives any more
}

void Load::let_go() noexcept {
  static_cast<void>(take_status());
  static_cast<void>(take_value());
}

void Load::run() noexcept {
  is_home_ = true;
  if (stopped()) {
    core_->metrics().late_loads.add();
    let_go();
  }
  if (Wait* const waiting = std::exchange(waiting_, nullptr)) waiting->complete(Cause::kNone);
  leave_line();
  const bool may_be_written = !sealed_.empty() && !stopped() && fence_.stands();
  if (may_be_written) core_->tier()->store(*this, std::move(sealed_), life_);
  unref();
}

}  // namespace tidegate::internal
