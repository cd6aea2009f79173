// SPDX-License-Identifier: Apache-2.0
//
// Params and Rows: what goes into a query and what comes out.
//
//   auto params = tidegate::Params().set("make", "Audi").set("limit", 4);
//   for (const tidegate::Row& row : rows) print(row["model"].text(), row["price_gbp"].integer());
//
// Values are null, 64-bit integers, doubles, UTF-8 text or bytes, as SQLite has them. Rows is an
// immutable table with shared ownership: copying it copies a pointer; cells, texts and column names
// live in one arena that goes with the last copy. Any thread may read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "tidegate/bytes.hpp"
#include "tidegate/status.hpp"

namespace tidegate {

// One parameter. Text must be UTF-8 and may hold any character, NUL included; it is always bound,
// never spliced in.
using ParamValue = std::variant<std::monostate, std::int64_t, double, std::string, Bytes>;

// The parameters of one query: by name (`:make`, `@make`, `$make` in the SQL, set without the mark)
// or by position (`?`, in the order of add()), never both. A statement whose parameters are not all
// given, or that does not have one that is given, is refused with kBadArgument before it runs.
class Params {
 public:
  Params& set(std::string name, ParamValue value);
  Params& set(std::string name, const char* text) {
    return set(std::move(name), ParamValue(std::string(text)));
  }
  Params& set(std::string name, int number) {
    return set(std::move(name), ParamValue(std::int64_t{number}));
  }
  Params& add(ParamValue value);

  struct Item {
    std::string name;  // empty: by position
    ParamValue value;
  };
  const std::vector<Item>& items() const noexcept { return items_; }

 private:
  std::vector<Item> items_;
};

enum class ValueKind : std::uint8_t { kNull, kInteger, kReal, kText, kBytes };

// One cell; a view into its Rows.
class Value {
 public:
  Value() noexcept = default;
  explicit Value(std::int64_t number) noexcept : kind_(ValueKind::kInteger), integer_(number) {}
  explicit Value(double number) noexcept : kind_(ValueKind::kReal), real_(number) {}
  Value(ValueKind kind, std::string_view text) noexcept : kind_(kind), text_(text) {}

  ValueKind kind() const noexcept { return kind_; }
  bool is_null() const noexcept { return kind_ == ValueKind::kNull; }

  // Conversions never fail: a number of the other kind is converted (saturating), anything else
  // gives zero or "".
  std::int64_t integer() const noexcept;
  double real() const noexcept;
  // The text or the bytes; empty for the other kinds.
  std::string_view text() const noexcept { return text_; }

 private:
  ValueKind kind_ = ValueKind::kNull;
  union {
    std::int64_t integer_ = 0;
    double real_;
  };
  std::string_view text_;
};

class Rows;

// One row; a view into its Rows.
class Row {
 public:
  Row(const Rows& rows, std::size_t index) noexcept : rows_(&rows), index_(index) {}
  std::size_t size() const noexcept;
  // Null for a column that does not exist.
  Value operator[](std::size_t column) const noexcept;
  Value operator[](std::string_view column) const noexcept;

 private:
  const Rows* rows_;
  std::size_t index_;
};

class Rows {
 public:
  // No rows and no columns.
  Rows() noexcept = default;

  std::size_t size() const noexcept;
  bool empty() const noexcept { return size() == 0; }
  const std::vector<std::string>& columns() const noexcept;
  std::optional<std::size_t> column(std::string_view name) const noexcept;

  // Null where there is no such cell.
  Value at(std::size_t row, std::size_t column) const noexcept;
  Row operator[](std::size_t row) const noexcept { return Row(*this, row); }

  // What the table holds, in bytes: the figure that `sqlite.max_bytes` bounds.
  std::size_t bytes() const noexcept;

  class Iterator {
   public:
    using value_type = Row;
    using difference_type = std::ptrdiff_t;
    using iterator_category = std::input_iterator_tag;
    Iterator() noexcept = default;
    Iterator(const Rows* rows, std::size_t index) noexcept : rows_(rows), index_(index) {}
    Row operator*() const noexcept { return Row(*rows_, index_); }
    Iterator& operator++() noexcept {
      ++index_;
      return *this;
    }
    Iterator operator++(int) noexcept { return Iterator(rows_, index_++); }
    bool operator==(const Iterator&) const noexcept = default;

   private:
    const Rows* rows_ = nullptr;
    std::size_t index_ = 0;
  };
  Iterator begin() const noexcept { return {this, 0}; }
  Iterator end() const noexcept { return {this, size()}; }

  // Makes a table row by row: name the columns, then append cells from left to right. A text or
  // bytes of 4 GiB and more are a std::length_error.
  class Builder {
   public:
    explicit Builder(std::vector<std::string> columns);
    ~Builder();
    Builder(Builder&&) noexcept;
    void append_null();
    void append(std::int64_t number);
    void append(double number);
    void append_text(std::string_view text);
    void append_bytes(std::string_view bytes);
    std::size_t rows() const noexcept;
    std::size_t bytes() const noexcept;
    // The cells of an unfinished last row are dropped.
    Rows build() &&;

   private:
    struct Table;
    friend class Rows;
    std::unique_ptr<Table> table_;
  };

 private:
  explicit Rows(std::shared_ptr<const Builder::Table> table) noexcept : table_(std::move(table)) {}
  std::shared_ptr<const Builder::Table> table_;
};

}  // namespace tidegate
