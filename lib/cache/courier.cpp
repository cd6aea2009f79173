// SPDX-License-Identifier: Apache-2.0
#include "cache/courier.hpp"

#include <algorithm>
#include <new>
#include <utility>

#include "base/errand.hpp"
#include "cache/redis_key.hpp"

namespace tidegate::internal {

namespace {
constexpr Duration kFirstPause = std::chrono::milliseconds(50);
constexpr int kMostDoublings = 6;  // 3.2 s
}  // namespace

class Courier::Trip {
 public:
  explicit Trip(Courier& courier) noexcept : courier_(courier) { ++courier_.under_way_; }
  Trip(const Trip&) = delete;
  Trip& operator=(const Trip&) = delete;
  ~Trip() { --courier_.under_way_; }

 private:
  Courier& courier_;
};

void Courier::deliver() noexcept {
  if (closed_ || waits_ || under_way_ >= kAtOnce || !outbox_.has_next()) return;
  if (!kv_->up()) return try_later();
  if (!membership_.epoch()) return membership_.look_again(false);  // and then comes here
  try {
    run_errand(loop_, member_.keep(), carry(std::make_unique<Trip>(*this)));
  } catch (const std::bad_alloc&) {
    try_later();
  }
}

void Courier::close() noexcept {
  closed_ = true;
  waits_ = false;
  loop_.disarm(*this);
}

Task<bool> Courier::until_told(std::string key) {
  while (outbox_.is_void(key)) {
    const bool woken = co_await told_.wait();
    if (!woken) co_return false;
  }
  co_return true;
}

void Courier::try_later() noexcept {
  if (closed_ || waits_) return;
  const Duration pause = kFirstPause * (1 << std::min(failures_++, kMostDoublings));
  waits_ = true;
  loop_.arm(*this, loop_.now() + rng_.between(pause / 2, pause));
}

void Courier::fired() noexcept {
  waits_ = false;
  const bool is_wanted = membership_.listens() || outbox_.has_next();
  if (!membership_.epoch() && is_wanted) return membership_.look_again(false);
  deliver();
}

// Where there is more, it calls for another. What it has taken is settled whatever happens, memory
// that runs out included.
Task<void> Courier::carry(std::unique_ptr<Trip> trip) {
  static_cast<void>(trip);
  while (!closed_ && !waits_ && membership_.epoch()) {
    std::optional<Forgetting> forgetting = outbox_.next_forgetting();
    if (forgetting) {
      deliver();
      bool was_told = false;
      try {
        auto telling = forgetting->everything ? tell_everything(&*forgetting) : tell(&*forgetting);
        was_told = co_await std::move(telling);
      } catch (const std::bad_alloc&) {
        was_told = false;
      }
      outbox_.told(*forgetting, was_told);
      told_.wake_all();
      if (!was_told) {
        try_later();
        co_return;
      }
      failures_ = 0;
      metrics_.sent.add();
      continue;
    }
    std::optional<PendingStore> store = outbox_.next_store(loop_.now());
    if (!store) co_return;
    deliver();
    Result<bool> written = Status(Cause::kNoMemory, "a write ran out of memory");
    try {
      auto writing = write(&*store);
      written = co_await std::move(writing);
    } catch (const std::bad_alloc&) {
      written = Status(Cause::kNoMemory, "a write ran out of memory");
    }
    settle(std::move(*store), written);
  }
}

// The epoch may have grown before it was told, and the key's value now stand under another name:
// then it is told again there.
Task<bool> Courier::tell(const Forgetting* forgetting) {
  std::optional<std::int64_t> epoch = membership_.epoch();
  for (;;) {
    const std::string name = redis_key(namespace_, *epoch, forgetting->key);
    KvInvalidate what{.name = name,
                      .guard = redis_guard(name),
                      .token = forgetting->token,
                      .guard_life = guard_life_,
                      .channel = redis_channel(namespace_),
                      .message = encode_invalidation(message_of(*forgetting))};
    auto telling = kv_->invalidate(std::move(what));
    const Status told = co_await std::move(telling);
    if (!told.ok()) co_return false;
    auto asking = membership_.ask();
    const Result<std::int64_t> now = co_await std::move(asking);
    if (!now.ok()) co_return false;
    if (*now == *epoch) co_return true;
    epoch = *now;
    membership_.look_again(false);
  }
}

Task<bool> Courier::tell_everything(const Forgetting* forgetting) {
  auto raising = membership_.raise(message_of(*forgetting));
  const Result<std::int64_t> raised = co_await std::move(raising);
  if (raised.ok()) membership_.look_again(true);
  co_return raised.ok();
}

Invalidation Courier::message_of(const Forgetting& forgetting) const {
  using Kind = Invalidation::Kind;
  return {.kind = forgetting.everything ? Kind::kEverything : Kind::kKey,
          .keeps_stale = forgetting.keeps_stale,
          .sender = sender_,
          .key = forgetting.key};
}

Task<Result<bool>> Courier::write(const PendingStore* store) {
  const std::string name = redis_key(namespace_, *membership_.epoch(), store->key);
  const std::string guard = redis_guard(name);
  std::optional<std::string> guard_seen = store->guard_seen;
  if (!guard_seen) {
    auto getting = kv_->get(name, guard);
    Result<KvFound> found = co_await std::move(getting);
    if (!found.ok()) co_return found.status();
    guard_seen = std::move(found->guard);
  }
  const Duration left = store->made + store->life - loop_.now();
  if (!outbox_.still_wanted(store->key) || left < std::chrono::milliseconds(1)) co_return false;
  KvSet what{.name = name,
             .value = store->value,
             .life = left,
             .guard = guard,
             .guard_seen = std::move(*guard_seen)};
  auto setting = kv_->set(std::move(what));
  Result<bool> written = co_await std::move(setting);
  co_return written;
}

// What was put and could not be written must not be hidden by what is there: that is void.
void Courier::settle(PendingStore store, const Result<bool>& written) {
  const bool is_wanted = outbox_.still_wanted(store.key);
  outbox_.settled(store.key);
  if (!is_wanted) return metrics_.dropped.add();
  if (written.ok()) return (*written ? metrics_.stored : metrics_.refused).add();
  metrics_.failed.add();
  try_later();
  if (!store.guard_seen) {
    outbox_.forget(store.key, true);
  } else if (written.status().cause() == Cause::kEngineUnavailable) {
    outbox_.put_back(std::move(store));
  }
}

}  // namespace tidegate::internal
