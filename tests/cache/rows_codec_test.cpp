// SPDX-License-Identifier: Apache-2.0
// The rows of a query as bytes in Redis, and bytes that are none.
#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>

#include "base/ports/rng.hpp"
#include "tidegate/load.hpp"

using namespace tidegate;

namespace {

using Codec = CacheCodec<Rows>;

Rows some_rows() {
  using namespace std::string_literals;
  Rows::Builder rows({"n", "", "n"});
  rows.append_null();
  rows.append(std::numeric_limits<std::int64_t>::min());
  rows.append(-0.5);
  rows.append_text("Škoda \0 \xff"s);
  rows.append_bytes("\0\1\2"s);
  rows.append_text("");
  return std::move(rows).build();
}

bool are_equal(const Value& left, const Value& right) {
  if (left.kind() != right.kind() || left.text() != right.text()) return false;
  if (left.kind() == ValueKind::kInteger) return left.integer() == right.integer();
  return left.real() == right.real() || (std::isnan(left.real()) && std::isnan(right.real()));
}

void check_equal(const Rows& left, const Rows& right) {
  CHECK(left.columns() == right.columns());
  REQUIRE(left.size() == right.size());
  for (std::size_t row = 0; row < left.size(); ++row) {
    for (std::size_t column = 0; column < left.columns().size(); ++column) {
      CHECK(are_equal(left.at(row, column), right.at(row, column)));
    }
  }
}

}  // namespace

TEST_CASE("RowsComeBackAsTheyWere") {
  Rows::Builder none({"a", "b"});
  Rows::Builder numbers({"d"});
  for (const double number : {0.0, -0.0, 1e300, std::numeric_limits<double>::infinity(),
                              std::numeric_limits<double>::quiet_NaN()}) {
    numbers.append(number);
  }
  for (const Rows& rows :
       {Rows(), some_rows(), std::move(none).build(), std::move(numbers).build()}) {
    const auto back = Codec::decode(Codec::encode(rows));
    REQUIRE(back.has_value());
    check_equal(rows, *back);
  }
}

TEST_CASE("RowsThatAreCutOffOrLongerThanTheySayAreNone") {
  const std::string whole = Codec::encode(some_rows());
  for (std::size_t size = 0; size < whole.size(); ++size) {
    CHECK_FALSE(Codec::decode(std::string_view(whole).substr(0, size)).has_value());
  }
  CHECK_FALSE(Codec::decode(whole + '\0').has_value());
  CHECK_FALSE(Codec::decode(Codec::encode(Rows()) + "x").has_value());
  std::string newer = whole;
  newer[0] = 2;
  CHECK_FALSE(Codec::decode(newer).has_value());
}

TEST_CASE("AnyBytesAreReadOrRefusedWithoutMoreWorkThanTheyAreLong") {
  const std::string whole = Codec::encode(some_rows());
  internal::Rng rng(3);
  int read = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes = whole;
    for (std::uint64_t change = rng.below(4) + 1; change > 0; --change) {
      bytes[rng.below(bytes.size())] = static_cast<char>(rng.below(256));
    }
    if (const auto rows = Codec::decode(bytes)) {
      ++read;
      CHECK(rows->size() * rows->columns().size() <= bytes.size());
    }
  }
  CHECK(read > 0);
  const std::string many = std::string("\x01\xff\xff\xff\xff", 5) + std::string(40, '\xff');
  CHECK_FALSE(Codec::decode(many).has_value());
}
