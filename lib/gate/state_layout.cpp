// SPDX-License-Identifier: Apache-2.0
#include "gate/state_layout.hpp"

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

namespace tidegate::internal {

namespace {

constexpr std::uint64_t kMagic = 0x6574616765646974;  // "tidegate" where the low byte comes first
constexpr std::size_t kWordsAt = 256;
constexpr std::size_t kRecordsAt = kWordsAt + kStateEntries * sizeof(std::uint64_t);

static_assert(sizeof(StateHeader) <= kWordsAt && kRecordsAt % kStateAlign == 0);
static_assert(std::has_unique_object_representations_v<StateHeader> &&
              std::has_unique_object_representations_v<StateRecord>);
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

constexpr std::uint64_t kFnvBasis = 0xcbf29ce484222325;

std::uint64_t add_to_sum(std::uint64_t sum, std::span<const std::byte> bytes) noexcept {
  for (const std::byte each : bytes)
    sum = (sum ^ std::to_integer<std::uint64_t>(each)) * 0x100000001b3;
  return sum;
}

template <class T>
std::span<const std::byte> before_sum(const T& what) noexcept {
  return std::as_bytes(std::span(&what, 1)).first(offsetof(T, sum));
}

using Range = std::pair<std::size_t, std::size_t>;

std::vector<Range> ranges(const StateTable& table, bool& sound) {
  std::vector<Range> found;
  StateTable::Entry entry;
  for (std::size_t i = 0; i < kStateEntries; ++i) {
    if (!table.read(i, entry)) {
      sound = false;
    } else if (entry.at != 0) {
      found.emplace_back(entry.at, entry.end);
    }
  }
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace

std::uint64_t state_sum(std::span<const std::byte> bytes) noexcept {
  return add_to_sum(kFnvBasis, bytes);
}

StateHeader StateHeader::make(const StateOrigin& origin, std::int64_t now,
                              std::uint64_t seed) noexcept {
  StateHeader header{.magic = kMagic,
                     .abi = kStateAbi,
                     .entries = kStateEntries,
                     .size = kStateSize,
                     .origin = origin,
                     .epoch = now,
                     .seed = seed,
                     .sum = 0};
  header.sum = state_sum(before_sum(header));
  return header;
}

bool StateHeader::is_sound(const StateOrigin& expected, std::int64_t now) const noexcept {
  return sum == state_sum(before_sum(*this)) && magic == kMagic && abi == kStateAbi &&
         entries == kStateEntries && size == kStateSize && origin == expected && epoch >= 0 &&
         epoch <= now;
}

bool StateTable::is_sound() const {
  bool sound = true;
  const std::vector<Range> found = ranges(*this, sound);
  for (std::size_t i = 1; i < found.size(); ++i) sound &= found[i - 1].second <= found[i].first;
  return sound;
}

bool StateTable::read(std::size_t index, Entry& entry) const noexcept {
  entry = {};
  const std::uint64_t at = word(index).load(std::memory_order_acquire);
  if (at == 0) return true;
  if (at < kRecordsAt || at % kStateAlign != 0 || at > kStateSize - kStateAlign) return false;
  StateRecord record{};
  std::memcpy(&record, base_ + at, sizeof record);
  if (record.kind_size == 0 || record.kind_size > kLongestStateName || record.name_size == 0 ||
      record.name_size > kLongestStateName || record.size == 0 || record.size > kStateSize)
    return false;
  const std::size_t text = at + sizeof record;
  const std::size_t memory = state_aligned(text + record.kind_size + record.name_size);
  const std::size_t end = memory + state_aligned(record.size);
  if (end > kStateSize || record.sum != sum_of(record, at)) return false;
  const char* const letters = reinterpret_cast<const char*>(base_ + text);
  entry = {.at = at,
           .memory = memory,
           .end = end,
           .record = record,
           .kind = {letters, record.kind_size},
           .name = {letters + record.kind_size, record.name_size}};
  return true;
}

StateTable::Entry StateTable::write(std::size_t index, std::size_t at, std::string_view kind,
                                    std::string_view name, std::uint64_t shape,
                                    std::size_t size) noexcept {
  StateRecord record{.shape = shape,
                     .size = size,
                     .kind_size = static_cast<std::uint32_t>(kind.size()),
                     .name_size = static_cast<std::uint32_t>(name.size()),
                     .sum = 0};
  std::memset(base_ + at, 0, room(kind, name, size));
  std::memcpy(base_ + at + sizeof record, kind.data(), kind.size());
  std::memcpy(base_ + at + sizeof record + kind.size(), name.data(), name.size());
  record.sum = sum_of(record, at);
  std::memcpy(base_ + at, &record, sizeof record);
  word(index).store(at, std::memory_order_release);
  Entry entry;
  (void)read(index, entry);
  return entry;
}

std::size_t StateTable::room(std::string_view kind, std::string_view name,
                             std::size_t size) noexcept {
  return state_aligned(sizeof(StateRecord) + kind.size() + name.size()) + state_aligned(size);
}

std::size_t StateTable::free_place(std::size_t room) const {
  bool sound = true;
  std::size_t at = kRecordsAt;
  for (const auto& [begin, end] : ranges(*this, sound)) {
    if (begin >= at && begin - at >= room) return at;
    at = std::max(at, end);
  }
  return sound && kStateSize - at >= room ? at : 0;
}

std::atomic<std::uint64_t>& StateTable::word(std::size_t index) const noexcept {
  return *reinterpret_cast<std::atomic<std::uint64_t>*>(base_ + kWordsAt +
                                                        index * sizeof(std::uint64_t));
}

std::uint64_t StateTable::sum_of(const StateRecord& record, std::size_t at) const noexcept {
  return add_to_sum(state_sum(before_sum(record)),
                    {base_ + at + sizeof record, record.kind_size + record.name_size});
}

}  // namespace tidegate::internal
