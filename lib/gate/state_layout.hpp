// SPDX-License-Identifier: Apache-2.0
//
// What stands where in a state file (gate/state_file.hpp), and whether it is to be trusted.
//
//   0      StateHeader          written once, before the file has its name
//   256    kStateEntries words  each the place of a record, or 0
//   …      records              a StateRecord, its kind, its name, and behind them its memory, at the
//                               next multiple of 64
//
// A record is complete before the word that names it, so that a half-written one is never seen, and
// room that no word names is free. Sums are FNV-1a of 64 bits, which notices every change of one
// byte; they guard against accidents, not against the owner of the file.
//
// Pure but for the words, which all processes share. Words are changed under the file's lock only.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace tidegate::internal {

inline constexpr std::size_t kStateSize = 2u << 20;
inline constexpr std::size_t kStateEntries = 1024;
inline constexpr std::size_t kStateAlign = 64;
inline constexpr std::uint32_t kStateAbi = 1;
inline constexpr std::size_t kLongestStateName = 512;  // and of a kind

std::uint64_t state_sum(std::span<const std::byte> bytes) noexcept;

constexpr std::size_t state_aligned(std::size_t size) noexcept {
  return (size + kStateAlign - 1) / kStateAlign * kStateAlign;
}

// Which kernel and which clock a file belongs to: times of another one mean nothing.
struct StateOrigin {
  std::array<char, 40> boot{};  // /proc/sys/kernel/random/boot_id
  std::uint64_t clock = 0;      // the inode of /proc/self/ns/time; 0 where there is none
  std::uint64_t owner = 0;      // the effective user
  bool operator==(const StateOrigin&) const = default;
};

struct StateHeader {
  std::uint64_t magic;
  std::uint32_t abi;
  std::uint32_t entries;
  std::uint64_t size;
  StateOrigin origin;
  std::int64_t epoch;  // ns on the clock of deadlines
  std::uint64_t seed;
  std::uint64_t sum;  // of all before

  static StateHeader make(const StateOrigin& origin, std::int64_t now, std::uint64_t seed) noexcept;
  bool is_sound(const StateOrigin& expected, std::int64_t now) const noexcept;
};

struct StateRecord {
  std::uint64_t shape;
  std::uint64_t size;
  std::uint32_t kind_size;
  std::uint32_t name_size;
  std::uint64_t sum;  // of all before, and of kind and name
};

// A view of the records in a mapped file.
class StateTable {
 public:
  struct Entry {
    std::size_t at = 0;      // of the record
    std::size_t memory = 0;  // of what is placed
    std::size_t end = 0;
    StateRecord record{};
    std::string_view kind;
    std::string_view name;
  };

  // REQUIRES: kStateSize bytes.
  explicit StateTable(std::byte* base) noexcept : base_(base) {}

  // Every word names a sound record, and no two of them overlap.
  bool is_sound() const;

  // What the word of that number names; nothing is at 0. False where it is not to be trusted.
  bool read(std::size_t index, Entry& entry) const noexcept;

  // Writes a record with memory of zeros, and then its word. `at` is free room for all of it, and
  // the word of that number 0.
  Entry write(std::size_t index, std::size_t at, std::string_view kind, std::string_view name,
              std::uint64_t shape, std::size_t size) noexcept;
  void remove(std::size_t index) noexcept { word(index).store(0, std::memory_order_release); }

  // From the start of a record to the end of its memory.
  static std::size_t room(std::string_view kind, std::string_view name, std::size_t size) noexcept;
  // The first free place for so much; 0: there is none.
  std::size_t free_place(std::size_t room) const;

 private:
  std::atomic<std::uint64_t>& word(std::size_t index) const noexcept;
  std::uint64_t sum_of(const StateRecord& record, std::size_t at) const noexcept;

  std::byte* base_;
};

}  // namespace tidegate::internal
