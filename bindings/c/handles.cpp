// SPDX-License-Identifier: Apache-2.0
#include "handles.hpp"

#include <array>
#include <atomic>
#include <bit>
#include <new>

// Invariants
//   word     generation (24 bits) | owners (20) | pins (20). A slot is free while owners and pins
//            are 0. Whoever brings both to 0 deletes the object, counts the generation up and puts
//            the slot on the free list; nobody can get in between, because pins need an owner.
//   free     index + 1 of the first free slot and a count of the changes, against ABA.
//   blocks   block k has 256 * 2^k slots; blocks are never freed, so that a stale index may be
//   read.
namespace tidegate::c {

namespace {

constexpr std::uint64_t kPin = 1;
constexpr unsigned kOwnerShift = 20, kGenerationShift = 40;
constexpr std::uint64_t kOwner = std::uint64_t{1} << kOwnerShift;
constexpr std::uint64_t kOwnerMask = ((std::uint64_t{1} << 20) - 1) << kOwnerShift;
constexpr std::uint64_t kUseMask = (std::uint64_t{1} << kGenerationShift) - 1;
constexpr std::uint64_t kGenerationMask = (1U << 24) - 1;

struct Slot {
  std::atomic<std::uint64_t> word{0};
  Object* object = nullptr;
  std::atomic<std::uint32_t> next_free{0};
};

constexpr unsigned kFirstBlockBits = 8;
constexpr std::size_t kBlocks = 20;
constexpr std::uint32_t kMaxSlots = ((1U << kBlocks) - 1) << kFirstBlockBits;

constinit std::array<std::atomic<Slot*>, kBlocks> blocks{};
constinit std::atomic<std::uint32_t> used{0};
constinit std::atomic<std::uint64_t> free_list{0};
constinit std::atomic<std::size_t> live{0};

struct Place {
  std::size_t block;
  std::uint32_t offset;
};

Place place_of(std::uint32_t index) noexcept {
  const std::uint32_t rank = (index >> kFirstBlockBits) + 1;
  const auto block = static_cast<std::uint32_t>(std::bit_width(rank) - 1);
  return {block, index - (((1U << block) - 1) << kFirstBlockBits)};
}

// Null for an index that was never given out.
Slot* slot_at(std::uint32_t index) noexcept {
  if (index >= kMaxSlots) return nullptr;
  const Place place = place_of(index);
  Slot* block = blocks[place.block].load(std::memory_order_acquire);
  return block ? block + place.offset : nullptr;
}

Slot* slot_of(Id id, Kind kind) noexcept {
  if ((id >> 56) != (0x80U | static_cast<unsigned>(kind))) return nullptr;
  return slot_at(static_cast<std::uint32_t>(id));
}

bool names(Id id, std::uint64_t word) noexcept {
  return (word >> kGenerationShift) == ((id >> 32) & kGenerationMask) && (word & kOwnerMask) != 0;
}

void make_block(std::size_t number) {
  auto fresh = std::make_unique<Slot[]>(std::size_t{1} << (number + kFirstBlockBits));
  Slot* none = nullptr;
  if (blocks[number].compare_exchange_strong(none, fresh.get(), std::memory_order_acq_rel)) {
    (void)fresh.release();
  }
}

void put_free(std::uint32_t index, Slot& slot) noexcept {
  std::uint64_t head = free_list.load(std::memory_order_relaxed);
  std::uint64_t next;
  do {
    slot.next_free.store(static_cast<std::uint32_t>(head), std::memory_order_relaxed);
    next = ((head >> 32) + 1) << 32 | (index + 1);
  } while (!free_list.compare_exchange_weak(head, next, std::memory_order_acq_rel));
}

std::uint32_t take_slot() {
  std::uint64_t head = free_list.load(std::memory_order_acquire);
  while (const auto first = static_cast<std::uint32_t>(head)) {
    const std::uint32_t rest = slot_at(first - 1)->next_free.load(std::memory_order_relaxed);
    const std::uint64_t next = ((head >> 32) + 1) << 32 | rest;
    if (free_list.compare_exchange_weak(head, next, std::memory_order_acq_rel)) return first - 1;
  }
  std::uint32_t index = used.load(std::memory_order_relaxed);
  do {
    if (index >= kMaxSlots) throw std::bad_alloc();
    if (!slot_at(index)) make_block(place_of(index).block);
  } while (!used.compare_exchange_weak(index, index + 1, std::memory_order_relaxed));
  return index;
}

// The last owner and the last pin are gone.
void end(std::uint32_t index, Slot& slot, std::uint64_t word) noexcept {
  delete slot.object;
  slot.object = nullptr;
  slot.word.store((((word >> kGenerationShift) + 1) & kGenerationMask) << kGenerationShift,
                  std::memory_order_release);
  live.fetch_sub(1, std::memory_order_relaxed);
  put_free(index, slot);
}

// Adds `change` to the word of a live handle; its word before, or 0.
std::uint64_t count(Slot& slot, Id id, std::uint64_t change) noexcept {
  std::uint64_t seen = slot.word.load(std::memory_order_acquire);
  do {
    if (!names(id, seen)) return 0;
    if (change == kOwner && (seen & kOwnerMask) == kOwnerMask) return 0;
  } while (!slot.word.compare_exchange_weak(seen, seen + change, std::memory_order_acq_rel));
  return seen;
}

}  // namespace

Id add_object(Kind kind, std::unique_ptr<Object> object) {
  const std::uint32_t index = take_slot();
  Slot& slot = *slot_at(index);
  slot.object = object.release();
  live.fetch_add(1, std::memory_order_relaxed);
  const std::uint64_t generation = slot.word.load(std::memory_order_relaxed) >> kGenerationShift;
  slot.word.store(generation << kGenerationShift | kOwner, std::memory_order_release);
  return (std::uint64_t{0x80} | static_cast<std::uint64_t>(kind)) << 56 | generation << 32 | index;
}

Object* pin_object(Id id, Kind kind) noexcept {
  Slot* slot = slot_of(id, kind);
  return slot && count(*slot, id, kPin) ? slot->object : nullptr;
}

void unpin_object(Id id) noexcept {
  const auto index = static_cast<std::uint32_t>(id);
  Slot& slot = *slot_at(index);
  const std::uint64_t word = slot.word.fetch_sub(kPin, std::memory_order_acq_rel) - kPin;
  if ((word & kUseMask) == 0) end(index, slot, word);
}

Object* peek_object(Id id, Kind kind) noexcept {
  Slot* slot = slot_of(id, kind);
  return slot && names(id, slot->word.load(std::memory_order_acquire)) ? slot->object : nullptr;
}

bool retain_object(Id id, Kind kind) noexcept {
  Slot* slot = slot_of(id, kind);
  return slot && count(*slot, id, kOwner) != 0;
}

bool release_object(Id id, Kind kind) noexcept {
  Slot* slot = slot_of(id, kind);
  if (!slot) return false;
  const std::uint64_t before = count(*slot, id, ~kOwner + 1);
  if (before == 0) return false;
  const std::uint64_t word = before - kOwner;
  if ((word & kUseMask) == 0) end(static_cast<std::uint32_t>(id), *slot, word);
  return true;
}

std::size_t live_objects() noexcept { return live.load(std::memory_order_relaxed); }

}  // namespace tidegate::c
