// SPDX-License-Identifier: Apache-2.0
#include "cache/tier.hpp"

#include <algorithm>
#include <new>
#include <utility>

#include "base/seed.hpp"
#include "cache/core.hpp"
#include "cache/redis_key.hpp"

namespace tidegate::internal {

namespace {

// Values wait for a while before they are written, and a write takes some time; the guard that they
// are checked against lives for longer.
constexpr Duration kMostWait = std::chrono::seconds(30);
constexpr Duration kMostWrite = std::chrono::seconds(30);

}  // namespace

Tier::Tier(const std::shared_ptr<CacheCore>& core, const std::shared_ptr<Kv>& kv,
           const TierSettings& settings)
    : core_(core),
      kv_(kv),
      settings_(settings),
      name_(core->settings().name),
      loop_(core->loop()),
      clock_(core->clock()),
      metrics_(name_),
      sender_(settings.sender ? settings.sender : fresh_seed()),
      outbox_(settings.outbox, sender_, metrics_),
      membership_(kv, name_, sender_, loop_, *this),
      courier_(kv, name_, sender_, core->settings().load_timeout + kMostWait + kMostWrite, loop_,
               outbox_, membership_, *this, metrics_),
      line_(settings.loaders_when_down, [this] { return is_ready(); }, metrics_.waiting) {}

Task<void> Tier::fetch(Load* load) {
  membership_.join();
  auto looking = look(load);
  const Deadline until = Deadline::after(settings_.timeout, loop_.now());
  co_await with_deadline(until, std::move(looking));
}

Task<void> Tier::look(Load* load) {
  auto waiting = membership_.readiness();
  const bool ready = co_await std::move(waiting);
  if (!ready) {
    may_miss_.store(true, std::memory_order_relaxed);
    metrics_.missed(TierMiss::kDown);
    co_return;
  }
  auto telling = courier_.until_told(load->key());
  const bool counts = co_await std::move(telling);
  if (!counts || !membership_.epoch()) {
    metrics_.missed(TierMiss::kInvalidated);
    co_return;
  }
  const std::string name = redis_key(name_, *membership_.epoch(), load->key());
  auto getting = kv_->get(name, redis_guard(name));
  Result<KvFound> found = co_await std::move(getting);
  if (found.ok()) {
    take(load, std::move(*found));
    co_return;
  }
  const Cause cause = found.status().cause();
  metrics_.missed(cause == Cause::kEngineUnavailable ? TierMiss::kDown
                  : cause == Cause::kDeadline        ? TierMiss::kLate
                                                     : TierMiss::kFailed);
}

void Tier::take(Load* load, KvFound found) {
  load->saw_guard(std::move(found.guard));
  if (!found.value) return metrics_.missed(TierMiss::kAbsent);
  auto stored = std::make_unique<FoundInTier>();
  stored->bytes = std::move(*found.value);
  stored->at = loop_.now();
  const OpenedEnvelope opened = open_envelope(stored->bytes, load->key());
  if (!opened) return metrics_.missed(tier_miss(opened.fault));
  const EnvelopeEntry& entry = opened.entry;
  stored->value = {.payload = entry.payload,
                   .codec = entry.codec,
                   .negative = entry.negative,
                   .fresh_left = std::max(found.left - entry.stale_window, Duration::zero()),
                   .stale_left = found.left,
                   .age = std::max(entry.life - found.left, Duration::zero())};
  if (stored->value.age >= load->max_age()) return metrics_.missed(TierMiss::kOld);
  load->found(std::move(stored));
}

// A load that did not see the guard cannot be told from one that began before an invalidation.
void Tier::store(const Load& load, std::string value, Duration life) noexcept {
  if (!load.guard_seen()) return metrics_.dropped.add();
  const TimePoint now = loop_.now();
  const TimePoint until = load.deadline().time() + kMostWait;
  try {
    outbox_.store({.key = load.key(),
                   .value = std::move(value),
                   .guard_seen = load.guard_seen(),
                   .made = now,
                   .life = life,
                   .until = std::min(until, Deadline::after(life, now).time())});
    courier_.deliver();
  } catch (const std::bad_alloc&) {
    metrics_.dropped.add();
  }
}

void Tier::put(std::string_view key, std::string value, Duration life) {
  if (!is_ready()) {
    may_miss_.store(true, std::memory_order_relaxed);
    return forget(key, true);
  }
  const TimePoint now = clock_.now();
  outbox_.store({.key = std::string(key),
                 .value = std::move(value),
                 .guard_seen = std::nullopt,
                 .made = now,
                 .life = life,
                 .until = Deadline::after(life, now).time()});
  ring();
}

void Tier::forget(std::string_view key, bool keeps_stale) {
  outbox_.forget(key, keeps_stale);
  ring();
}

void Tier::forget_everything(bool keeps_stale) {
  outbox_.forget_everything(keeps_stale);
  ring();
}

void Tier::ring() noexcept {
  if (is_rung_.exchange(true, std::memory_order_acq_rel)) return;
  bell_.keep = shared_from_this();
  if (loop_.post(bell_)) return;
  bell_.keep.reset();
  is_rung_.store(false, std::memory_order_release);  // the next one tries again
}

void Tier::Bell::run() noexcept {
  const std::shared_ptr<Tier> until_the_end = std::move(keep);
  owner.is_rung_.store(false, std::memory_order_release);
  if (this == &owner.farewell_) {
    owner.membership_.leave();
    owner.courier_.close();
    return;
  }
  try {
    owner.membership_.join();
  } catch (const std::bad_alloc&) {
    return;  // the next call tries again
  }
  owner.courier_.deliver();
}

// Where the loop is closed the process ends, and its store still knows the tier as a listener.
void Tier::retire(std::shared_ptr<Tier> tier) noexcept {
  Tier& leaving = *tier;
  leaving.farewell_.keep = std::move(tier);
  static_cast<void>(leaving.loop_.post(leaving.farewell_));
}

// Counted when it is done: whoever sees the count finds it forgotten.
void Tier::heard(const Invalidation& message) noexcept {
  const bool keeps_stale = message.keeps_stale;
  const auto core = core_.lock();
  if (message.kind != Invalidation::Kind::kKey) {
    outbox_.drop_stores();
    if (core) keeps_stale ? core->store().expire_all() : core->store().new_epoch();
  } else {
    outbox_.drop_store(message.key);
    if (core) keeps_stale ? core->store().expire(message.key) : core->store().erase(message.key);
  }
  metrics_.heard.add();
}

void Tier::listens() noexcept {
  const bool is_first = !std::exchange(has_listened_, true);
  const bool may_miss = may_miss_.exchange(false, std::memory_order_relaxed);
  if (is_first && !may_miss) return;
  metrics_.caught_up.add();
  if (const auto core = core_.lock()) core->store().expire_all();
  try {
    outbox_.distrust_puts();
  } catch (const std::bad_alloc&) {
    outbox_.drop_stores();
  }
}

void Tier::lost_touch() noexcept {
  may_miss_.store(true, std::memory_order_relaxed);
  metrics_.up.set(0);
}

void Tier::epoch_changed() noexcept {
  outbox_.drop_stores();
  if (const auto core = core_.lock()) core->store().new_epoch();
}

void Tier::epoch_lost() noexcept {
  outbox_.drop_stores();
  if (const auto core = core_.lock()) core->store().expire_all();
}

void Tier::epoch_known() noexcept {
  metrics_.up.set(is_ready() ? 1 : 0);
  line_.admit();
  courier_.deliver();
}

void Tier::count(CacheStats& stats) const noexcept {
  const auto size = [](const Gauge& gauge) { return static_cast<std::size_t>(gauge.value()); };
  stats.tier = {.hits = metrics_.hits.value(),
                .stale_hits = metrics_.stale_hits.value(),
                .misses = metrics_.all_misses(),
                .stored = metrics_.stored.value(),
                .refused = metrics_.refused.value(),
                .failed = metrics_.failed.value(),
                .dropped = metrics_.dropped.value(),
                .invalidations_sent = metrics_.sent.value(),
                .invalidations_heard = metrics_.heard.value(),
                .pending_stores = size(metrics_.pending_stores),
                .pending_invalidations = size(metrics_.pending_invalidations),
                .waiting_loads = size(metrics_.waiting),
                .up = is_ready()};
}

void share(const std::shared_ptr<CacheCore>& core, const std::shared_ptr<Kv>& kv,
           const TierSettings& settings) {
  core->join(std::make_shared<Tier>(core, kv, settings));
}

}  // namespace tidegate::internal
