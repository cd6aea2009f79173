// SPDX-License-Identifier: Apache-2.0
//
// CellRecord: how a metric lies in memory that other processes can read: what it is called, and
// behind that its cell, the numbers themselves. Records stand one behind the other after a header;
// a size of zero is their end. The same bytes are the arena of this process, the file that it may
// be mapped from, and the file of what dead processes left.
//
//   header   what it is, and which layout
//   record   size, ready, kind, lengths | path, help, label names and values | cell
//   record   …
//
// Reading believes nothing: bytes of any kind are a StatsFile or nothing. Byte order and the sizes
// are those of the machine, which the header tells.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/metrics_snapshot.hpp"

namespace tidegate::internal {

struct CellHeader {
  static constexpr std::uint64_t kMagic = 0x3130'7473'6774'6474;  // "tdtgst01"
  std::uint64_t magic = kMagic;
  static constexpr std::uint64_t kLayout = sizeof(Histogram) << 8 | sizeof(Counter);
  std::uint64_t layout = kLayout;
  std::uint64_t generation = 0;  // of the file of the dead: higher whenever it is written
};

struct CellRecord {
  static constexpr std::uint8_t kCounter = 0, kGauge = 1, kHistogram = 2, kName = 3;

  std::uint32_t size;   // of all of it, a multiple of 8; atomic while it is claimed
  std::uint32_t ready;  // 1 once the text is whole; atomic
  std::uint8_t kind;
  std::uint8_t across;
  std::uint8_t labels;
  std::uint8_t unused;
  std::uint16_t path;  // lengths
  std::uint16_t help;
  std::uint32_t cell;  // where it begins
  std::uint32_t text;  // bytes before it, without the gap
};
static_assert(sizeof(CellRecord) == 24);

// The bytes of a record that is ready, its cell being `value`; of a plain name, without a cell.
std::string encode_record(std::string_view path, std::string_view help, Across across,
                          const Snapshot::Sample& sample);
std::string encode_name(std::string_view name);

// Bytes of the cell of a kind.
std::size_t cell_size(std::uint8_t kind) noexcept;

struct StatsFile {
  std::uint64_t generation = 0;
  Snapshot metrics;
  std::vector<std::string> names;
};

// What stands in `bytes`; nothing where they are broken, cut off or of another layout.
std::optional<StatsFile> decode_stats(std::string_view bytes);

// The file of it.
std::string encode_stats(const StatsFile& file);

}  // namespace tidegate::internal
