// SPDX-License-Identifier: Apache-2.0
#include "gate/keyed_core.hpp"

#include <bit>
#include <mutex>
#include <string>
#include <utility>

#include "gate/acquire.hpp"

namespace tidegate::internal {

namespace {

constexpr std::size_t kKeysOfShard = 32;  // at least, or one could be full while others are empty

std::size_t shard_count(std::size_t keys) noexcept {
  return std::bit_floor(std::clamp(keys / kKeysOfShard, std::size_t{1}, KeyedCore::kMostShards));
}

Status queue_full(std::size_t waiting, const char* of) {
  return Status(Cause::kQueueFull,
                std::to_string(waiting) + " starts " + of + "wait for their turn");
}

}  // namespace

KeyedCore::KeyedCore(Loop& loop, const policy::Limiter& limiter, const std::string& name,
                     const Bounds& bounds, HashSeed seed)
    : metrics_(name),
      limiter_(limiter),
      loop_(loop),
      bounds_(bounds),
      seed_(seed),
      room_(bounds.keys) {
  const std::size_t shards = shard_count(bounds.keys);
  shards_.reserve(shards);
  for (std::size_t i = 0; i < shards; ++i) {
    shards_.push_back(std::make_unique<KeyShard>(limiter_, room_, metrics_));
  }
}

KeyedCore::~KeyedCore() { metrics_.keys.add(-room_.keys()); }

Duration KeyedCore::take(std::string_view key, TimePoint now, std::uint32_t weight) noexcept {
  const std::uint64_t hash = siphash(seed_, key);
  KeyShard& shard = shard_of(hash);
  Duration wait{};
  {
    const std::lock_guard lock(shard.mutex);
    KeyEntry& entry = shard.at(key, hash, now);
    wait = try_at(entry, now, weight);
    count(entry);
  }
  (wait == Duration::zero() ? metrics_.granted : metrics_.refused).add();
  return wait;
}

bool KeyedCore::start_now(std::string_view key, TimePoint now, std::uint32_t weight) noexcept {
  const std::uint64_t hash = siphash(seed_, key);
  KeyShard& shard = shard_of(hash);
  {
    const std::lock_guard lock(shard.mutex);
    KeyEntry& entry = shard.at(key, hash, now);
    if (try_at(entry, now, weight) > Duration::zero()) return false;
    count(entry);
  }
  metrics_.granted.add();
  metrics_.wait.record(Duration::zero());
  return true;
}

Operation<Duration> KeyedCore::acquire(std::string_view key, TimePoint now, std::uint32_t weight,
                                       Deadline deadline) {
  AcquireRef acquire = Acquire::make(loop_, metrics_, now, weight, deadline);
  if (!fits(key, weight)) return Acquire::ended(std::move(acquire), unfit(key, weight));
  const std::uint64_t hash = siphash(seed_, key);
  KeyShard& shard = shard_of(hash);
  std::shared_ptr<Turns> line;
  for (;;) {
    std::unique_lock lock(shard.mutex);
    KeyEntry& entry = shard.at(key, hash, now);
    const Duration wait = try_at(entry, now, weight);
    const Duration left = deadline.left(now);
    if (wait == Duration::zero() || wait > left || left == Duration::zero()) {
      count(entry);
      lock.unlock();
      return Acquire::ended(std::move(acquire),
                            wait == Duration::zero() ? Status() : Acquire::too_late(wait, left));
    }
    if (entry.line && entry.line->waiting() >= bounds_.waiting_of_key) {
      lock.unlock();
      return Acquire::ended(std::move(acquire), queue_full(bounds_.waiting_of_key, "of its key "));
    }
    if (!entry.line && !line) {  // memory is not taken under the lock
      lock.unlock();
      line = std::make_shared<KeyLine>(shared_from_this(), shard);
      continue;
    }
    if (waiting_.fetch_add(1, std::memory_order_relaxed) >= bounds_.waiting) {
      lock.unlock();
      KeyedCore::left();
      return Acquire::ended(std::move(acquire), queue_full(bounds_.waiting, ""));
    }
    if (entry.line) line = entry.line->shared_from_this();
    static_cast<KeyLine&>(*line).join(entry, weight);
    count(entry);
    break;
  }
  return Acquire::start(std::move(acquire), std::move(line));
}

Operation<Duration> KeyedCore::ended(const Status& outcome) {
  return Acquire::ended(Acquire::make(loop_, metrics_, {}, 0, Deadline::never()), outcome);
}

void KeyedCore::penalize(std::string_view key, TimePoint now, TimePoint until) noexcept {
  const std::uint64_t hash = siphash(seed_, key);
  KeyShard& shard = shard_of(hash);
  {
    const std::lock_guard lock(shard.mutex);
    shard.at(key, hash, now).words.penalize(limiter_, now, until);
  }
  metrics_.penalties.add();
}

std::size_t KeyedCore::bytes() const noexcept {
  std::size_t bytes = 0;
  for (const auto& shard : shards_) {
    const std::lock_guard lock(shard->mutex);
    bytes += sizeof(KeyShard) + shard->bytes();
  }
  return bytes;
}

void KeyedCore::count(const KeyEntry& entry) noexcept {
  if (entry.hash == 0) metrics_.crowded.add();
}

// While somebody waits nobody else has a start.
Duration KeyedCore::try_at(KeyEntry& entry, TimePoint now, std::uint32_t weight) noexcept {
  if (!entry.line) return entry.words.take(limiter_, now, weight);
  return std::max(Duration(1), entry.words.wait(limiter_, now, weight, entry.line->ahead()));
}

Status KeyedCore::unfit(std::string_view key, std::uint32_t weight) const {
  if (key.size() > kMostKeyBytes) {
    return Status(Cause::kBadArgument, "a key of " + std::to_string(key.size()) +
                                           " bytes is longer than " +
                                           std::to_string(kMostKeyBytes));
  }
  return Status(Cause::kBadArgument, "a start of " + std::to_string(weight) +
                                         " permits never comes: 1 to " +
                                         std::to_string(limiter_.burst()) + " may start together");
}

}  // namespace tidegate::internal
