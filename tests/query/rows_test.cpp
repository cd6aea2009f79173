// SPDX-License-Identifier: Apache-2.0
#include "tidegate/rows.hpp"

#include <doctest/doctest.h>
#include <sys/mman.h>

#include <stdexcept>
#include <string_view>
#include <utility>

using namespace tidegate;

TEST_CASE("ACellOfFourGigabytesIsRefusedAndTheTableStaysWhole") {
  constexpr std::size_t kSize = std::size_t{1} << 32;
  // Addresses without memory behind them: nobody may read the text.
  void* const place =
      ::mmap(nullptr, kSize, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  REQUIRE(place != MAP_FAILED);
  const std::string_view huge(static_cast<const char*>(place), kSize);
  Rows::Builder builder({"text", "bytes"});
  CHECK_THROWS_AS(builder.append_text(huge), std::length_error);
  builder.append_text("small");
  CHECK_THROWS_AS(builder.append_bytes(huge), std::length_error);
  builder.append_bytes("too");
  ::munmap(place, kSize);
  const Rows rows = std::move(builder).build();
  REQUIRE(rows.size() == 1);
  CHECK(rows[0]["text"].text() == "small");
  CHECK(rows[0]["bytes"].text() == "too");
}

TEST_CASE("TheCellsOfAnUnfinishedLastRowAreDropped") {
  Rows::Builder builder({"a", "b"});
  builder.append(std::int64_t{1});
  builder.append_null();
  builder.append(2.5);
  const Rows rows = std::move(builder).build();
  REQUIRE(rows.size() == 1);
  CHECK(rows[0]["a"].integer() == 1);
  CHECK(rows[0]["b"].is_null());
}
