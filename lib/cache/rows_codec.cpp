// SPDX-License-Identifier: Apache-2.0
//
// How the rows of a query are written to Redis. All numbers little endian.
//
//   1 byte                 version of this layout: 1
//   4 bytes, then columns  their number; of each the name: size, 4 bytes, and bytes
//   8 bytes, then cells    the number of rows; row by row, of each cell a byte that says what follows:
//                          0 null · 1 integer, 8 bytes · 2 double, 8 bytes · 3 text, 4 bytes bytes:
//                          size, 4 bytes, and bytes
#include <bit>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/little_endian.hpp"
#include "tidegate/load.hpp"

namespace tidegate {

namespace {

using internal::append_little;

constexpr std::uint8_t kLayout = 1;

void add_bytes(std::string& out, std::string_view bytes) {
  append_little(out, static_cast<std::uint32_t>(bytes.size()));
  out += bytes;
}

void add_cell(std::string& out, const Value& cell) {
  append_little(out, static_cast<std::uint8_t>(cell.kind()));
  switch (cell.kind()) {
    case ValueKind::kNull: return;
    case ValueKind::kInteger: return append_little(out, static_cast<std::uint64_t>(cell.integer()));
    case ValueKind::kReal: return append_little(out, std::bit_cast<std::uint64_t>(cell.real()));
    case ValueKind::kText:
    case ValueKind::kBytes: return add_bytes(out, cell.text());
  }
}

// Reads what may be anything; once something is missing, all that follows is empty.
class Reader {
 public:
  explicit Reader(std::string_view bytes) noexcept : rest_(bytes) {}

  template <class Number>
  Number number() noexcept {
    const std::string_view bytes = take(sizeof(Number));
    return ok_ ? internal::load_little<Number>(bytes.data()) : Number{};
  }
  std::string_view bytes() noexcept { return take(number<std::uint32_t>()); }
  std::size_t left() const noexcept { return rest_.size(); }
  bool ok() const noexcept { return ok_; }

 private:
  std::string_view take(std::size_t size) noexcept {
    if (size > rest_.size()) ok_ = false;
    if (!ok_) return {};
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }

  std::string_view rest_;
  bool ok_ = true;
};

bool read_cell(Reader& in, Rows::Builder& rows) {
  const auto kind = static_cast<ValueKind>(in.number<std::uint8_t>());
  switch (kind) {
    case ValueKind::kNull: rows.append_null(); return in.ok();
    case ValueKind::kInteger:
      rows.append(static_cast<std::int64_t>(in.number<std::uint64_t>()));
      return in.ok();
    case ValueKind::kReal:
      rows.append(std::bit_cast<double>(in.number<std::uint64_t>()));
      return in.ok();
    case ValueKind::kText: rows.append_text(in.bytes()); return in.ok();
    case ValueKind::kBytes: rows.append_bytes(in.bytes()); return in.ok();
  }
  return false;
}

}  // namespace

std::string CacheCodec<Rows>::encode(const Rows& rows) {
  std::string out;
  append_little(out, kLayout);
  append_little(out, static_cast<std::uint32_t>(rows.columns().size()));
  for (const std::string& column : rows.columns()) add_bytes(out, column);
  append_little(out, std::uint64_t{rows.size()});
  for (const Row& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) add_cell(out, row[i]);
  }
  return out;
}

std::optional<Rows> CacheCodec<Rows>::decode(std::string_view bytes) {
  Reader in(bytes);
  if (in.number<std::uint8_t>() != kLayout) return std::nullopt;
  const auto width = in.number<std::uint32_t>();
  std::vector<std::string> columns;
  for (std::uint32_t i = 0; i < width && in.ok(); ++i) columns.emplace_back(in.bytes());
  const auto height = in.number<std::uint64_t>();
  // A cell has a byte at least, so that no number makes this go on for longer than there are bytes.
  const bool fits = width == 0 ? height == 0 : height <= in.left() / width;
  if (!in.ok() || !fits) return std::nullopt;
  if (width == 0 && in.left() == 0) return Rows();
  Rows::Builder rows(std::move(columns));
  for (std::uint64_t cell = 0; cell < height * width; ++cell) {
    if (!read_cell(in, rows)) return std::nullopt;
  }
  if (in.left() != 0) return std::nullopt;
  return std::move(rows).build();
}

}  // namespace tidegate
