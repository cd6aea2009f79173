// SPDX-License-Identifier: Apache-2.0
// Content codings: what comes out is what went in, or a typed error, whatever the bytes are.
#include "http/decoder.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <limits>
#include <string>
#include <vector>

#include "base/ports/rng.hpp"
#include "support/deep.hpp"
#include "support/encode.hpp"

namespace tidegate::internal {
namespace {

using test::bomb;
using test::encode;
using test::encodings;
using test::field_of;

constexpr std::size_t kMiB = std::size_t{1} << 20;

struct Pieces {
  std::size_t in = std::numeric_limits<std::size_t>::max();
  std::size_t out = std::size_t{64} << 10;
};

// As decode_body() does it. `made` learns how much came out, also where it fails.
Result<std::string> decode(const std::vector<std::string_view>& fields, std::string_view encoded,
                           Pieces pieces = {}, std::size_t most = 64 * kMiB,
                           std::size_t* made = nullptr) {
  auto decoder = ContentDecoder::make(fields, {.most = most, .encoded = encoded.size()});
  if (!decoder.ok()) return decoder.status();
  REQUIRE_FALSE(decoder->empty());
  std::string decoded;
  std::string buffer(pieces.out, '\0');
  // At least one step, and none that neither takes nor makes anything, but for the last.
  for (bool hungry = false; !hungry || !encoded.empty();) {
    std::string_view piece = encoded.substr(0, pieces.in);
    const std::size_t given = piece.size();
    const auto step = decoder->step(piece, buffer);
    if (!step.ok()) return step.status();
    encoded.remove_prefix(given - piece.size());
    REQUIRE(step->made <= buffer.size());
    decoded.append(buffer, 0, step->made);
    if (made) *made = decoded.size();
    hungry = step->hungry;
    if (hungry) REQUIRE(piece.empty());
  }
  const Status end = decoder->finish();
  return end.ok() ? Result<std::string>(std::move(decoded)) : end;
}

Result<std::string> decode_one(std::string_view encoding, std::string_view encoded,
                               Pieces pieces = {}, std::size_t most = 64 * kMiB) {
  const std::string field = field_of(encoding);
  return decode({field}, encoded, pieces, most);
}

// Some of it repeats itself and some does not.
std::string sample(std::size_t size) {
  Rng rng(size + 1);
  std::string text;
  while (text.size() < size) {
    if (text.size() > 100 && rng.chance(60)) {
      text += text.substr(rng.below(text.size() - 50), rng.below(50));
    } else {
      text += static_cast<char>(rng.below(256));
    }
  }
  text.resize(size);
  return text;
}

void check_cause(const Result<std::string>& result, Cause cause, std::string_view words) {
  CHECK_MESSAGE(result.status().cause() == cause, result.status().to_string());
  CHECK_MESSAGE(result.status().message().find(words) != std::string_view::npos,
                result.status().to_string());
}

TEST_CASE("WhatWasEncodedComesBackHoweverItIsCut") {
  for (const std::string& encoding : encodings()) {
    CAPTURE(encoding);
    for (const std::size_t size : std::vector<std::size_t>{0, 1, 2, 300, 5'000, 200'000}) {
      CAPTURE(size);
      const std::string text = sample(size);
      const std::string encoded = encode(encoding, text);
      CHECK(decode_one(encoding, encoded).value_or("?") == text);
      CHECK(decode_one(encoding, encoded, {.in = 1}).value_or("?") == text);
      CHECK(decode_one(encoding, encoded, {.in = 7, .out = 3}).value_or("?") == text);
      CHECK(decode_one(encoding, encoded, {.out = 1}).value_or("?") == text);
    }
  }
}

TEST_CASE("TwoCodingsAreUndoneFromTheLastToTheFirst") {
  const std::string text = sample(50'000);
  for (const std::string& first : encodings()) {
    for (const std::string& second : encodings()) {
      CAPTURE(first + ", " + second);
      const std::string encoded = encode(second, encode(first, text));
      const std::string fields[] = {field_of(first), field_of(second)};
      const std::string list = fields[0] + ", " + fields[1];
      CHECK(decode({list}, encoded).value_or("?") == text);
      CHECK(decode({fields[0], fields[1]}, encoded, {.in = 1}).value_or("?") == text);
      CHECK(decode({list}, encoded, {.in = 3, .out = 1}).value_or("?") == text);
      const Result<std::string> cut = decode({list}, encoded.substr(0, encoded.size() - 1));
      CHECK(cut.status().cause() == Cause::kDecode);
    }
  }
}

TEST_CASE("WhatIsHeldBackBetweenTwoCodingsStillComes") {
  // The outer coding has taken all of its input long before the inner one has anything to give.
  std::string members;
  while (members.size() < 500'000) members += encode("gzip", "");
  members += encode("gzip", "the end");
  for (const char* const outer : {"deflate", "br", "zstd"}) {
    CAPTURE(outer);
    const std::string list = std::string("gzip, ") + outer;
    CHECK(decode({list}, encode(outer, members)).value_or("?") == "the end");
  }
}

TEST_CASE("CodingsAreKnownByTheirNamesInAnyCase") {
  const std::string encoded = encode("gzip", "hello");
  for (const char* const field : {"gzip", "GZip", "x-gzip", "X-GZIP", " gzip\t", ",gzip,,",
                                  "identity, gzip", "gzip, Identity"}) {
    CAPTURE(field);
    CHECK(decode({field}, encoded).value_or("?") == "hello");
  }
  CHECK(decode({"", "identity", "gzip", "identity"}, encoded).value_or("?") == "hello");
  for (const char* const field : {"", ",", "identity", "IDENTITY, identity ,"}) {
    const auto nothing = ContentDecoder::make({field}, {});
    REQUIRE(nothing.ok());
    CHECK(nothing->empty());
  }
}

TEST_CASE("MoreThanTwoCodingsAndUnknownOnesAreRefused [B2] [B4]") {
  check_cause(decode({"gzip, gzip, gzip"}, "x"), Cause::kDecode, "3 codings");
  check_cause(decode({"gzip", "br", "identity", "zstd"}, "x"), Cause::kDecode, "3 codings");
  const std::string many = [] {
    std::string list = "gzip";
    for (int i = 0; i < 10'000; ++i) list += ",gzip";
    return list;
  }();
  check_cause(decode({many}, "x"), Cause::kDecode, "10001 codings");
  for (const char* const field :
       {"compress", "gzip;q=1", "gzip br", "utf-8", "dcb", "gzi", "gzipp"}) {
    check_cause(decode({field}, "x"), Cause::kDecode, field);
  }
  check_cause(decode({"gzip, compress"}, "x"), Cause::kDecode, "'compress'");
  const auto odd = decode({"a\nb\x01" + std::string(5'000, 'c')}, "x");
  CHECK(odd.status().message().size() < 150);
  CHECK(odd.status().message().find('\n') == std::string_view::npos);
}

TEST_CASE("AStreamThatIsCutShortAnywhereIsAnError [B3]") {
  for (const std::string& encoding : encodings()) {
    CAPTURE(encoding);
    const std::string encoded = encode(encoding, sample(500));
    for (std::size_t size = 0; size < encoded.size(); ++size) {
      CAPTURE(size);
      for (const std::size_t in : {std::size_t{1}, encoded.size()}) {
        const auto cut = decode_one(encoding, encoded.substr(0, size), {.in = in});
        check_cause(cut, Cause::kDecode, "the body ends inside its " + field_of(encoding));
      }
    }
  }
}

TEST_CASE("WhatFollowsTheEndOfAStreamIsAnError [B3]") {
  for (const std::string& encoding : encodings()) {
    CAPTURE(encoding);
    const std::string encoded = encode(encoding, "hello");
    for (const std::string& more :
         {std::string("x"), std::string("garbage"), std::string(1, '\xFF')}) {
      for (const std::size_t in : {std::size_t{1}, encoded.size(), encoded.size() + 100}) {
        const auto result = decode_one(encoding, encoded + more, {.in = in});
        check_cause(result, Cause::kDecode,
                    "after 5 decoded bytes: something else follows its end");
      }
    }
    const bool may_go_on = encoding == "gzip" || encoding == "zstd";
    CHECK(decode_one(encoding, encoded + encoded).ok() == may_go_on);
  }
}

TEST_CASE("AGzipBodyMayHaveManyMembersAndPaddingBehindThem [B3]") {
  const std::string members = encode("gzip", "one ") + encode("gzip", "") + encode("gzip", "two");
  const std::string zeros(1'000, '\0');
  for (const std::size_t in : {std::size_t{1}, std::size_t{10}, std::size_t{100'000}}) {
    CHECK(decode({"gzip"}, members, {.in = in}).value_or("?") == "one two");
    CHECK(decode({"gzip"}, members + zeros, {.in = in}).value_or("?") == "one two");
    check_cause(decode({"gzip"}, members + zeros + "x", {.in = in}), Cause::kDecode,
                "follows its end");
    check_cause(decode({"gzip"}, members + zeros + members, {.in = in}), Cause::kDecode,
                "follows its end");
    check_cause(decode({"gzip"}, members + "\x1f", {.in = in}), Cause::kDecode, "ends inside");
  }
  check_cause(decode({"gzip"}, zeros), Cause::kDecode, "incorrect header");
  std::string many;
  for (int i = 0; i < 2'000; ++i) many += encode("gzip", "ab");
  CHECK(decode({"gzip"}, many).value_or("?").size() == 4'000);
}

TEST_CASE("AZstdBodyMayHaveManyFramesAndSomeToBeSkipped") {
  using namespace std::string_literals;
  const std::string skipped = "\x50\x2A\x4D\x18\x03\x00\x00\x00xyz"s;
  const std::string frames =
      skipped + encode("zstd", "one ") + encode("zstd", "") + skipped + encode("zstd", "two");
  for (const std::size_t in : {std::size_t{1}, std::size_t{100'000}}) {
    CHECK(decode({"zstd"}, frames, {.in = in, .out = 1}).value_or("?") == "one two");
    CHECK(decode({"zstd"}, frames + skipped, {.in = in}).value_or("?") == "one two");
    CHECK(decode({"zstd"}, skipped, {.in = in}).value_or("?").empty());
  }
}

TEST_CASE("AWindowOfMoreThanEightMebibytesIsRefused") {
  // A frame that announces 2^exponent bytes, and an empty last block.
  const auto frame = [](int exponent) {
    const std::string head = {'\x28', '\xB5', '\x2F',
                              '\xFD', '\0',   static_cast<char>((exponent - 10) << 3)};
    return head + std::string("\x01\0\0", 3);
  };
  CHECK(decode({"zstd"}, frame(23)).ok());
  check_cause(decode({"zstd"}, frame(24)), Cause::kDecode, "more than 8 MiB");
  check_cause(decode({"zstd"}, frame(31)), Cause::kDecode, "more than 8 MiB");
  // The mark of brotli's extension for windows of up to 1 GiB.
  CHECK(decode({"br"}, "\x11\x1E\x03").status().cause() == Cause::kDecode);
}

TEST_CASE("ADictionaryThatNobodyHasIsAnError") {
  // The flag FDICT, and a check that fits.
  check_cause(decode({"deflate"}, std::string("\x78\x20\0\0\0\1abc", 9)), Cause::kDecode,
              "dictionary");
  const std::string frame("\x28\xB5\x2F\xFD\x01\x00\x07\x01\0\0", 10);
  check_cause(decode({"zstd"}, frame), Cause::kDecode, "ictionary");
}

TEST_CASE("FormatsOfZstdFromBeforeItsStandardAreRefused") {
  for (const char first : {'\x22', '\x25', '\x26', '\x27'}) {
    const std::string frame = first + std::string("\xB5\x2F\xFD\x00\x58\x01\0\0", 8);
    check_cause(decode({"zstd"}, frame), Cause::kDecode, "no frame");
  }
}

TEST_CASE("AFlippedBitIsAnErrorOrChangesNothing [B3]") {
  const std::string text = sample(400);
  for (const std::string& encoding : encodings()) {
    CAPTURE(encoding);
    const std::string encoded = encode(encoding, text);
    const bool has_checksum = encoding != "br" && encoding != "raw deflate";
    int noticed = 0;
    for (std::size_t bit = 0; bit < encoded.size() * 8; ++bit) {
      std::string flipped = encoded;
      flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
      const auto result = decode_one(encoding, flipped, {}, kMiB);
      if (!result.ok()) {
        ++noticed;
        const Cause cause = result.status().cause();
        REQUIRE_MESSAGE((cause == Cause::kDecode || cause == Cause::kTooLarge),
                        result.status().to_string());
      } else if (has_checksum) {
        REQUIRE_MESSAGE(*result == text, bit);
      }
    }
    CHECK(noticed > 0);
  }
}

TEST_CASE("RandomBytesNeverDoMoreThanFail") {
  Rng rng(7);
  for (int i = 0; i < test::repeat(500, 20'000); ++i) {
    for (const std::string& encoding : encodings()) {
      std::string encoded = encode(encoding, sample(rng.below(300)));
      for (std::uint64_t changes = rng.below(8); changes > 0; --changes) {
        const std::size_t at = rng.below(encoded.size());
        if (rng.chance(50)) {
          encoded[at] = static_cast<char>(rng.below(256));
        } else if (rng.chance(50)) {
          encoded.erase(at, rng.below(10));
        } else {
          encoded.insert(at, sample(rng.below(20)));
        }
        if (encoded.empty()) encoded = "x";
      }
      const Pieces pieces{.in = 1 + rng.below(200), .out = 1 + rng.below(500)};
      const auto result = decode_one(encoding, encoded, pieces, kMiB);
      const Cause cause = result.status().cause();
      REQUIRE((result.ok() || cause == Cause::kDecode || cause == Cause::kTooLarge));
    }
  }
}

TEST_CASE("ABombEndsAtTheFirstByteBeyondItsBound [B1]") {
  for (const std::string& encoding : encodings()) {
    CAPTURE(encoding);
    const std::string gibibyte = bomb(encoding, 1024);
    const std::string field = field_of(encoding);
    REQUIRE(gibibyte.size() < 2 * kMiB);
    std::size_t made = 0;
    check_cause(decode({field}, gibibyte, {}, 5 * kMiB, &made), Cause::kTooLarge,
                "a body of " + std::to_string(gibibyte.size()) + " bytes");
    CHECK(made <= 5 * kMiB);
    const std::size_t by_ratio = std::max(kMiB, 200 * gibibyte.size());
    if (by_ratio > 100 * kMiB) continue;
    check_cause(decode({field}, gibibyte, {}, 1024 * kMiB, &made), Cause::kTooLarge,
                "more than " + std::to_string(by_ratio) + " bytes, and at most 200 times its size");
    CHECK(made <= by_ratio);
  }
}

TEST_CASE("ABrotliBlockThatIsTooLargeIsRefusedBeforeItsWindowIsFilled [B1]") {
  const std::string encoded = bomb("br", 16);
  for (const std::size_t most : {std::size_t{0}, 3 * kMiB}) {
    std::size_t made = 0;
    check_cause(decode({"br"}, encoded, {}, most, &made), Cause::kTooLarge, "decodes to more than");
  }
  // One block of 16 MiB, so that the bound is known by what it says of itself.
  const std::string block = encode("br", std::string(16 * kMiB, '\0'));
  auto decoder = ContentDecoder::make({"br"}, {.most = 64 * kMiB, .encoded = block.size()});
  REQUIRE(decoder.ok());
  std::string byte(1, '\0');
  std::string_view input = block;
  CHECK(decoder->step(input, byte).status().cause() == Cause::kTooLarge);
}

TEST_CASE("UpToAMebibyteAnyRatioIsFineAndBeyondItTwoHundred [B1]") {
  for (const std::string& encoding : encodings()) {
    CAPTURE(encoding);
    const std::string mebibyte = encode(encoding, std::string(kMiB, '\0'));
    REQUIRE(mebibyte.size() * 200 < kMiB);
    CHECK(decode_one(encoding, mebibyte).ok());
    const std::string more = encode(encoding, std::string(kMiB + 1, '\0'));
    check_cause(decode_one(encoding, more), Cause::kTooLarge, "1048576 bytes, and at most 200");
    // Zeros first, and then enough that cannot be made smaller: all in all it is no bomb.
    std::string mixed(4 * kMiB, '\0');
    Rng rng(1);
    for (int i = 0; i < 100'000; ++i) mixed += static_cast<char>(rng.below(256));
    CHECK(decode_one(encoding, encode(encoding, mixed), {.in = 1000}).value_or("?") == mixed);
  }
}

TEST_CASE("ABodyMayBeAsLongAsItsBound [B1]") {
  const std::string text = sample(1000);
  for (const std::string& encoding : encodings()) {
    const std::string encoded = encode(encoding, text);
    CHECK(decode_one(encoding, encoded, {}, 1000).ok());
    check_cause(decode_one(encoding, encoded, {}, 999), Cause::kTooLarge, "than the 999 bytes");
    check_cause(decode_one(encoding, encoded, {}, 0), Cause::kTooLarge, "than the 0 bytes");
    CHECK(decode_one(encoding, encoded, {}, std::numeric_limits<std::size_t>::max()).ok());
  }
}

TEST_CASE("ABombInsideABombAndOneThatIsSkippedEndAtTheBound [B2]") {
  const std::string nested = encode("br", bomb("gzip", 1024));
  check_cause(decode({"gzip, br"}, nested, {}, 8 * kMiB), Cause::kTooLarge, "200 times");
  // All of the zeros behind the member would be padding to gzip.
  const std::string padded = encode("zstd", encode("gzip", "x")) + bomb("zstd", 1024);
  check_cause(decode({"gzip, zstd"}, padded, {}, 4 * kMiB), Cause::kTooLarge, "in the coding zstd");
}

TEST_CASE("AStepIsShortThoughNothingComesOut [B1]") {
  std::string empty_members;
  const std::string member = encode("gzip", "");
  for (int i = 0; i < 1000; ++i) empty_members += member;
  auto decoder = ContentDecoder::make({"gzip"}, {.most = kMiB, .encoded = empty_members.size()});
  REQUIRE(decoder.ok());
  std::string buffer(1000, '\0');
  std::string_view piece = std::string_view(empty_members).substr(0, 500);
  const auto step = decoder->step(piece, buffer);
  REQUIRE(step.ok());
  CHECK(step->made == 0);
  CHECK(step->hungry);
  CHECK(piece.empty());
}

}  // namespace
}  // namespace tidegate::internal
