// SPDX-License-Identifier: Apache-2.0
#include "tidegate/rows.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

namespace tidegate {

// Cells lie row by row; a text or bytes cell is a span of the arena.
struct Rows::Builder::Table {
  struct Cell {
    ValueKind kind = ValueKind::kNull;
    std::uint32_t size = 0;
    union {
      std::int64_t integer = 0;
      double real;
      std::uint64_t offset;
    };
  };
  std::vector<std::string> columns;
  std::vector<Cell> cells;
  std::string arena;

  std::size_t rows() const noexcept { return columns.empty() ? 0 : cells.size() / columns.size(); }
};

Params& Params::set(std::string name, ParamValue value) {
  items_.push_back({std::move(name), std::move(value)});
  return *this;
}

Params& Params::add(ParamValue value) {
  items_.push_back({std::string(), std::move(value)});
  return *this;
}

std::int64_t Value::integer() const noexcept {
  if (kind_ == ValueKind::kInteger) return integer_;
  if (kind_ != ValueKind::kReal || std::isnan(real_)) return 0;
  constexpr double kLimit = 9223372036854775808.0;  // 2^63
  if (real_ >= kLimit) return std::numeric_limits<std::int64_t>::max();
  if (real_ < -kLimit) return std::numeric_limits<std::int64_t>::min();
  return static_cast<std::int64_t>(real_);
}

double Value::real() const noexcept {
  if (kind_ == ValueKind::kReal) return real_;
  return kind_ == ValueKind::kInteger ? static_cast<double>(integer_) : 0.0;
}

std::size_t Row::size() const noexcept { return rows_->columns().size(); }
Value Row::operator[](std::size_t column) const noexcept { return rows_->at(index_, column); }
Value Row::operator[](std::string_view name) const noexcept {
  const auto column = rows_->column(name);
  return column ? rows_->at(index_, *column) : Value();
}

std::size_t Rows::size() const noexcept { return table_ ? table_->rows() : 0; }

const std::vector<std::string>& Rows::columns() const noexcept {
  static const auto* const none = new std::vector<std::string>;
  return table_ ? table_->columns : *none;
}

std::optional<std::size_t> Rows::column(std::string_view name) const noexcept {
  const auto& names = columns();
  const auto found = std::ranges::find(names, name);
  if (found == names.end()) return std::nullopt;
  return static_cast<std::size_t>(found - names.begin());
}

Value Rows::at(std::size_t row, std::size_t column) const noexcept {
  if (row >= size() || column >= table_->columns.size()) return Value();
  const auto& cell = table_->cells[row * table_->columns.size() + column];
  switch (cell.kind) {
    case ValueKind::kNull: return Value();
    case ValueKind::kInteger: return Value(cell.integer);
    case ValueKind::kReal: return Value(cell.real);
    case ValueKind::kText:
    case ValueKind::kBytes: break;
  }
  return Value(cell.kind, std::string_view(table_->arena).substr(cell.offset, cell.size));
}

std::size_t Rows::bytes() const noexcept {
  return table_ ? table_->arena.size() + table_->cells.size() * sizeof(Builder::Table::Cell) : 0;
}

Rows::Builder::Builder(std::vector<std::string> columns) : table_(std::make_unique<Table>()) {
  table_->columns = std::move(columns);
}
Rows::Builder::~Builder() = default;
Rows::Builder::Builder(Builder&&) noexcept = default;

void Rows::Builder::append_null() { table_->cells.emplace_back(); }

void Rows::Builder::append(std::int64_t number) {
  auto& cell = table_->cells.emplace_back();
  cell.kind = ValueKind::kInteger;
  cell.integer = number;
}

void Rows::Builder::append(double number) {
  auto& cell = table_->cells.emplace_back();
  cell.kind = ValueKind::kReal;
  cell.real = number;
}

void Rows::Builder::append_text(std::string_view text) {
  if (text.size() > std::numeric_limits<decltype(Table::Cell::size)>::max()) {
    throw std::length_error("a cell of more than 4 GiB");
  }
  auto& cell = table_->cells.emplace_back();
  cell.kind = ValueKind::kText;
  cell.size = static_cast<std::uint32_t>(text.size());
  cell.offset = table_->arena.size();
  table_->arena.append(text);
}

void Rows::Builder::append_bytes(std::string_view bytes) {
  append_text(bytes);
  table_->cells.back().kind = ValueKind::kBytes;
}

std::size_t Rows::Builder::rows() const noexcept { return table_->rows(); }
std::size_t Rows::Builder::bytes() const noexcept {
  return table_->arena.size() + table_->cells.size() * sizeof(Table::Cell);
}

Rows Rows::Builder::build() && {
  if (!table_->columns.empty()) table_->cells.resize(table_->rows() * table_->columns.size());
  table_->cells.shrink_to_fit();
  return Rows(std::shared_ptr<const Table>(std::move(table_)));
}

}  // namespace tidegate
