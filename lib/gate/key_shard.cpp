// SPDX-License-Identifier: Apache-2.0
#include "gate/key_shard.hpp"

#include <bit>
#include <new>
#include <utility>

namespace tidegate::internal {

namespace {

constexpr std::size_t kLooks = 2;
constexpr std::size_t kMostLooks = 14;  // more, where there is no room
constexpr std::size_t kForgottenAtOnce = 2;
constexpr std::uint32_t kInUse = 0x8000'0000;

}  // namespace

KeyEntry& KeyShard::at(std::string_view key, std::uint64_t hash, TimePoint& now) noexcept {
  now = std::max(now, forgotten_at_);
  const std::uint32_t own_hash = static_cast<std::uint32_t>(hash) | kInUse;
  if (KeyEntry* const own = find(key, own_hash)) return *own;
  KeyEntry& shared = shared_[(hash >> 32) % kShared];
  if (!shared.line) {
    if (KeyEntry* const own = make(key, own_hash, now)) {
      own->words = shared.words;
      return *own;
    }
  }
  return shared;
}

std::size_t KeyShard::chain_number(std::uint32_t hash) const noexcept {
  const std::size_t all = std::bit_ceil(chains_.size());
  const std::size_t number = hash & (all - 1);
  return number < chains_.size() ? number : number & (all / 2 - 1);
}

KeyEntry* KeyShard::find(std::string_view key, std::uint32_t hash) noexcept {
  if (chains_.empty()) return nullptr;
  KeyEntry* each = chain(hash);
  while (each && (each->hash != hash || each->key != key)) each = each->next;
  return each;
}

KeyEntry* KeyShard::make(std::string_view key, std::uint32_t hash, TimePoint now) noexcept {
  forget_some(kLooks, now);
  if (!free_ && !make_free()) forget_some(kMostLooks, now);
  if (!free_) return nullptr;
  KeyEntry& made = *free_;
  try {
    made.key = key;
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
  free_ = made.next;
  made.hash = hash;
  made.next = std::exchange(chain(hash), &made);
  made.after = last_ ? std::exchange(last_->after, &made) : &made;
  last_ = &made;
  count(1);
  return &made;
}

// One entry more, and one chain, which gets its share of the one that was for both. False where
// there is no room.
bool KeyShard::make_free() noexcept {
  if (!room_.take()) return false;
  const std::size_t number = chains_.size();
  try {
    if (number == chunks_.size() * kChunk) chunks_.push_back(std::make_unique<Chunk>());
    chains_.push_back(nullptr);
  } catch (const std::bad_alloc&) {
    room_.give_back();
    return false;
  }
  free_ = &(*chunks_.back())[number % kChunk];
  if (number == 0) return true;
  const std::size_t all = std::bit_ceil(chains_.size());
  KeyEntry** place = &chains_[number & (all / 2 - 1)];
  while (KeyEntry* const each = *place) {
    if ((each->hash & (all - 1)) == number) {
      *place = each->next;
      each->next = std::exchange(chains_[number], each);
    } else {
      place = &each->next;
    }
  }
  return true;
}

void KeyShard::forget_some(std::size_t looks, TimePoint now) noexcept {
  std::size_t forgotten = 0;
  for (; last_ && looks > 0 && forgotten < kForgottenAtOnce; --looks) {
    KeyEntry& each = *last_->after;
    if (each.line || !each.words.is_idle(limiter_, now)) {
      last_ = &each;
      continue;
    }
    last_->after = each.after;
    if (last_ == &each) last_ = nullptr;
    forget(each);
    forgotten_at_ = now;
    ++forgotten;
  }
}

void KeyShard::forget(KeyEntry& idle) noexcept {
  KeyEntry** place = &chain(idle.hash);
  while (*place != &idle) place = &(*place)->next;
  *place = idle.next;
  idle.hash = 0;
  idle.key = std::string();
  idle.words = KeyWords();
  idle.next = std::exchange(free_, &idle);
  count(-1);
  metrics_.forgotten.add();
}

void KeyShard::count(std::int64_t keys) noexcept {
  room_.kept(keys);
  metrics_.keys.add(keys);
}

std::size_t KeyShard::bytes() const noexcept {
  std::size_t bytes = chunks_.capacity() * sizeof(decltype(chunks_)::value_type) +
                      chunks_.size() * sizeof(Chunk) + chains_.capacity() * sizeof(void*);
  for (const auto& chunk : chunks_) {
    for (const KeyEntry& each : *chunk) {
      if (each.key.capacity() > std::string().capacity()) bytes += each.key.capacity() + 1;
    }
  }
  return bytes;
}

}  // namespace tidegate::internal
