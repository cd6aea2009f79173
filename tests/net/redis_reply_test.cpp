// SPDX-License-Identifier: Apache-2.0

#include "net/redis_reply.hpp"

#include <doctest/doctest.h>
#include <malloc.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ports/rng.hpp"
#include "support/deep.hpp"
#include "support/seeds.hpp"

using namespace tidegate::internal;
using tidegate::Cause;
using tidegate::Result;
using tidegate::Status;
using Kind = RedisReply::Kind;

namespace {

RedisReply text(Kind kind, std::string_view bytes) {
  return {.kind = kind, .text = std::string(bytes)};
}
RedisReply string(std::string_view bytes) { return text(Kind::kString, bytes); }
RedisReply integer(std::int64_t value) { return {.kind = Kind::kInteger, .integer = value}; }
RedisReply array(std::vector<RedisReply> elements) {
  return {.kind = Kind::kArray, .elements = std::move(elements)};
}

std::string line(char type, std::string_view content) {
  return std::string(1, type).append(content).append("\r\n");
}

// What a server sends for a reply.
std::string written(const RedisReply& reply) {
  switch (reply.kind) {
    case Kind::kNil: return "$-1\r\n";
    case Kind::kInteger: return line(':', std::to_string(reply.integer));
    case Kind::kStatus: return line('+', reply.text);
    case Kind::kError: return line('-', reply.text);
    case Kind::kString: return line('$', std::to_string(reply.text.size())) + reply.text + "\r\n";
    case Kind::kArray: break;
  }
  std::string bytes = line('*', std::to_string(reply.elements.size()));
  for (const RedisReply& element : reply.elements) bytes.append(written(element));
  return bytes;
}

// Everything that `bytes` holds, fed in pieces of `piece`; ends where the reader refuses.
struct Outcome {
  std::vector<RedisReply> replies;
  Status refused;
  std::size_t most_buffered = 0;
};

Outcome read(RedisReplyReader& reader, std::string_view bytes, std::size_t piece = 16'384) {
  Outcome outcome;
  while (!bytes.empty() && outcome.refused.ok()) {
    outcome.refused = reader.feed(bytes.substr(0, piece));
    bytes.remove_prefix(std::min(piece, bytes.size()));
    while (outcome.refused.ok()) {
      outcome.most_buffered = std::max(outcome.most_buffered, reader.buffered());
      Result<std::optional<RedisReply>> next = reader.next();
      outcome.most_buffered = std::max(outcome.most_buffered, reader.buffered());
      if (!next) {
        outcome.refused = next.status();
      } else if (!*next) {
        break;
      } else {
        outcome.replies.push_back(std::move(**next));
      }
    }
  }
  return outcome;
}

Outcome read(std::string_view bytes, RedisReplyLimits limits = {}, std::size_t piece = 16'384) {
  RedisReplyReader reader(limits);
  return read(reader, bytes, piece);
}

// Refused with this cause however it is cut, and nothing came out: the message.
std::string refusal(std::string_view bytes, Cause cause, RedisReplyLimits limits = {}) {
  CAPTURE(bytes.substr(0, 100));
  std::string first;
  for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, std::size_t{16'384}}) {
    const Outcome outcome = read(bytes, limits, piece);
    REQUIRE_FALSE(outcome.refused.ok());
    CHECK(outcome.refused.cause() == cause);
    CHECK(outcome.replies.empty());
    CHECK(outcome.most_buffered <= limits.total_bytes);
    if (first.empty()) first = outcome.refused.message();
  }
  return first;
}

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

std::size_t heap_in_use() {
  const struct mallinfo2 info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

RedisReply random_reply(Rng& rng, int depth) {
  constexpr std::int64_t kIntegers[] = {0, 1, -1, std::numeric_limits<std::int64_t>::max(),
                                        std::numeric_limits<std::int64_t>::min()};
  switch (const std::uint64_t kind = rng.below(depth > 0 ? 6 : 5); kind) {
    case 0: return {};
    case 1: return integer(kIntegers[rng.below(std::size(kIntegers))]);
    case 2:
    case 3: {
      RedisReply reply = text(kind == 2 ? Kind::kStatus : Kind::kError, "");
      reply.text.resize(rng.below(30));
      for (char& c : reply.text) c = static_cast<char>(' ' + rng.below(95));
      return reply;
    }
    case 4: {
      RedisReply reply = string("");
      reply.text.resize(rng.chance(5) ? rng.below(3'000) : rng.below(20));
      for (char& c : reply.text)
        c = rng.chance(20) ? "\r\n*$"[rng.below(4)] : static_cast<char>(rng.below(256));
      return reply;
    }
    default: {
      RedisReply reply = array({});
      for (std::uint64_t left = rng.below(5); left > 0; --left) {
        reply.elements.push_back(random_reply(rng, depth - 1));
      }
      return reply;
    }
  }
}

}  // namespace

TEST_CASE("EveryTypeOfResp2IsRead") {
  struct Row {
    std::string_view bytes;
    RedisReply reply;
  };
  const Row rows[] = {
      {"+OK\r\n", text(Kind::kStatus, "OK")},
      {"+\r\n", text(Kind::kStatus, "")},
      {"-ERR no such key\r\n", text(Kind::kError, "ERR no such key")},
      {":0\r\n", integer(0)},
      {":-2\r\n", integer(-2)},
      {":9223372036854775807\r\n", integer(std::numeric_limits<std::int64_t>::max())},
      {":-9223372036854775808\r\n", integer(std::numeric_limits<std::int64_t>::min())},
      {"$0\r\n\r\n", string("")},
      {"$5\r\na\r\nb\0\r\n", string(std::string_view("a\r\nb\0", 5))},
      {"$-1\r\n", RedisReply{}},
      {"*-1\r\n", RedisReply{}},
      {"*0\r\n", array({})},
      {"*2\r\n$1\r\na\r\n$-1\r\n", array({string("a"), {}})},
      {"*2\r\n*1\r\n:1\r\n*0\r\n", array({array({integer(1)}), array({})})},
      {"*1\r\n*1\r\n*1\r\n*1\r\n+x\r\n",
       array({array({array({array({text(Kind::kStatus, "x")})})})})},
  };
  for (const Row& row : rows) {
    const std::string_view bytes =
        row.reply.text.size() == 5 ? std::string_view("$5\r\na\r\nb\0\r\n", 11) : row.bytes;
    CAPTURE(row.bytes);
    for (const std::size_t piece : {1U, 2U, 3U, 100U}) {
      const Outcome outcome = read(bytes, {}, piece);
      CHECK(outcome.refused.ok());
      REQUIRE(outcome.replies.size() == 1);
      CHECK(outcome.replies[0] == row.reply);
    }
  }
}

TEST_CASE("RepliesOfAPipelineComeInOrder") {
  const Outcome outcome = read("$1\r\na\r\n:7\r\n$-1\r\n-ERR x\r\n*1\r\n+y\r\n");
  const std::vector<RedisReply> expected = {string("a"), integer(7), RedisReply{},
                                            text(Kind::kError, "ERR x"),
                                            array({text(Kind::kStatus, "y")})};
  CHECK(outcome.replies == expected);
}

TEST_CASE("AnyRepliesComeBackHoweverTheyAreCut") {
  tidegate::test::each_seed(500, 50'000, [](std::uint64_t seed) {
    Rng rng(seed);
    std::vector<RedisReply> replies(1 + rng.below(6));
    std::string bytes;
    for (RedisReply& reply : replies) {
      reply = random_reply(rng, 4);
      bytes.append(written(reply));
    }
    RedisReplyReader reader;
    const Outcome outcome = read(reader, bytes, 1 + rng.below(rng.chance(50) ? 8 : 20'000));
    REQUIRE(outcome.refused.ok());
    REQUIRE(outcome.replies == replies);
    REQUIRE(reader.between_replies());
    REQUIRE(reader.buffered() == 0);
  });
}

TEST_CASE("AReaderKnowsWhetherAReplyHasBegun") {
  RedisReplyReader reader;
  CHECK(reader.between_replies());
  CHECK_FALSE(reader.next()->has_value());
  CHECK(reader.between_replies());
  for (const std::string_view piece : {"*", "2", "\r\n", ":1\r\n", ":", "2\r"}) {
    REQUIRE(reader.feed(piece).ok());
    CHECK_FALSE(reader.next()->has_value());
    CHECK_FALSE(reader.between_replies());
  }
  REQUIRE(reader.feed("\n+").ok());
  CHECK(reader.next()->has_value());
  CHECK_FALSE(reader.between_replies());
  REQUIRE(reader.feed("OK\r\n").ok());
  CHECK_FALSE(reader.between_replies());
  CHECK(reader.next()->has_value());
  CHECK(reader.between_replies());
}

TEST_CASE("AnAnnouncedArrayIsRefusedBeforeAnythingIsAllocated") {
  RedisReplyReader reader;
  REQUIRE(read(reader, "+OK\r\n").refused.ok());
  REQUIRE(reader.feed("*288888288\r\n").ok());
  [[maybe_unused]] const std::size_t before = heap_in_use();
  const Status status = reader.next().status();
  CHECK(status.cause() == Cause::kTooLarge);
  CHECK(status.message() ==
        "Redis announced an array of 288888288 elements, the limit for one reply is 1024");
#if !defined(TIDEGATE_TEST_SANITIZED)
  CHECK(heap_in_use() < before + 4096);
#endif
  refusal("*2147483647\r\n", Cause::kTooLarge);
  refusal("*1025\r\n", Cause::kTooLarge);
}

TEST_CASE("AnAnnouncedStringIsRefusedBeforeItComes") {
  for (const std::string_view bytes :
       {"$67108864\r\n", "$4294967296\r\n", "$1114113\r\nxx", "*2\r\n:1\r\n$67108864\r\n"}) {
    CHECK(contains(refusal(bytes, Cause::kTooLarge), "announced a string of"));
  }
  // The largest one is read, and one byte more is refused when all of it comes at once as well.
  const RedisReplyLimits limits{.string_bytes = 5'000};
  CHECK(read(written(string(std::string(5'000, 'x'))), limits, 1).replies.size() == 1);
  CHECK(read(written(string(std::string(5'000, 'x'))), limits).replies.size() == 1);
  refusal(written(string(std::string(5'001, 'x'))), Cause::kTooLarge, limits);
}

TEST_CASE("TheElementsOfNestedArraysCountTogether") {
  const RedisReplyLimits limits{.elements = 8};
  CHECK(read("*2\r\n*3\r\n:1\r\n:2\r\n:3\r\n*3\r\n:1\r\n:2\r\n:3\r\n", limits).replies.size() == 1);
  refusal("*2\r\n*3\r\n:1\r\n:2\r\n:3\r\n*4\r\n", Cause::kTooLarge, limits);
  // Each reply has its own allowance.
  CHECK(read("*1\r\n:1\r\n*8\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n", limits)
            .replies.size() == 2);
}

TEST_CASE("NestingIsBounded") {
  CHECK(read("*1\r\n*1\r\n:1\r\n", {.depth = 2}).replies.size() == 1);
  CHECK(contains(refusal("*1\r\n*1\r\n*1\r\n", Cause::kTooLarge, {.depth = 2}),
                 "nests deeper than the limit of 2"));
  std::string deep;
  for (int i = 0; i < 100'000; ++i) deep.append("*1\r\n");
  refusal(deep, Cause::kTooLarge);
}

TEST_CASE("ALineThatDoesNotEndIsRefused") {
  for (const char type : {'+', '-', ':', '$', '*'}) {
    const std::string digits(1'000'000, '1');
    CHECK(contains(refusal(type + digits, Cause::kTooLarge), "does not end within 4096"));
  }
  CHECK(read(line('+', std::string(4096, 'x')), {}, 1).replies.size() == 1);
  CHECK(read(line('+', std::string(4096, 'x'))).replies.size() == 1);
  refusal(line('+', std::string(4097, 'x')), Cause::kTooLarge);
  refusal("+" + std::string(10'000, '\r'), Cause::kTooLarge);
}

TEST_CASE("AReplyOfManyStringsIsBoundedAsAWhole") {
  const RedisReplyLimits limits{.string_bytes = 1'000, .total_bytes = 10'000};
  std::string bytes = "*100\r\n";
  for (int i = 0; i < 100; ++i) bytes.append(written(string(std::string(1'000, 'x'))));
  const Outcome outcome = read(bytes, limits, 100);
  CHECK(outcome.refused.cause() == Cause::kTooLarge);
  CHECK(outcome.most_buffered <= 10'000);
}

TEST_CASE("TheElementsOfAnArrayCountBesideTheInputThatIsThere") {
  const RedisReplyLimits limits{.total_bytes = 10'000};
  const std::string strings = written(string(std::string(6'000, 'x')));
  CHECK(read("*2\r\n" + strings, limits).refused.ok());
  CHECK(read("*100\r\n" + strings, limits).refused.cause() == Cause::kTooLarge);
}

TEST_CASE("FeedingWithoutTakingTheRepliesIsBounded") {
  RedisReplyReader reader({.total_bytes = 1'000});
  Status status;
  int fed = 0;
  while (status.ok() && fed < 10'000) {
    status = reader.feed("+OK\r\n");
    ++fed;
  }
  CHECK(status.cause() == Cause::kTooLarge);
  CHECK(fed == 201);
}

TEST_CASE("AValueFedByteByByteStaysWithinTheLimits") {
  RedisReplyReader reader;
  const RedisReply value = string(std::string(1U << 20, 'x'));
  const std::string bytes = written(value);
  [[maybe_unused]] const std::size_t before = heap_in_use();
  std::optional<RedisReply> reply;
  for (const char byte : bytes) {
    REQUIRE_FALSE(reply);
    REQUIRE(reader.feed({&byte, 1}).ok());
    reply = std::move(reader.next()).value();
  }
  REQUIRE(reply);
#if !defined(TIDEGATE_TEST_SANITIZED)
  CHECK(heap_in_use() - before < 4U << 20);
#endif
  CHECK(*reply == value);
  // And what hiredis grew its buffer to is given back.
  reply.reset();
  CHECK(read(reader, "+OK\r\n+OK\r\n").replies.size() == 2);
#if !defined(TIDEGATE_TEST_SANITIZED)
  CHECK(heap_in_use() < before + 65'536);
#endif
}

TEST_CASE("WhatIsNoResp2IsRefused") {
  for (const std::string_view bytes :
       {"HTTP/1.1 400 Bad Request\r\n\r\n", "\r\n", "$-2\r\n", "*-2\r\n", ":\r\n", ":1x\r\n",
        ":9223372036854775808\r\n", ":-9223372036854775809\r\n", "$9223372036854775808\r\n",
        "$x\r\n", "$ 1\r\nx\r\n", "*x\r\n", "*99999999999999999999\r\n", "\x16\x03\x01",
        // RESP3
        ">2\r\n+a\r\n+b\r\n", "%1\r\n+a\r\n+b\r\n", "~1\r\n+a\r\n", "_\r\n", "#t\r\n", ",1.5\r\n",
        "(12345678901234567890\r\n", "=5\r\ntxt:x\r\n", "|1\r\n+a\r\n+b\r\n"}) {
    refusal(bytes, Cause::kDecode);
  }
  CHECK(contains(refusal("HTTP/1.1 400 Bad Request\r\n", Cause::kDecode),
                 "Redis answered with what is no RESP2"));
}

TEST_CASE("AStringWithoutItsEndIsRefused") {
  for (const std::string_view bytes :
       {"$1\r\nabc", "$1\r\na\r:", "$1\r\na\n\r", "$0\r\n:1\r\n", "*2\r\n$1\r\naXX:1\r\n"}) {
    CHECK(contains(refusal(bytes, Cause::kDecode), "longer than its announced length"));
  }
}

TEST_CASE("AfterARefusalEverythingIsRefused") {
  RedisReplyReader reader;
  const Outcome outcome = read(reader, "+OK\r\n?\r\n+OK\r\n");
  CHECK(outcome.replies.size() == 1);
  REQUIRE_FALSE(outcome.refused.ok());
  for (int i = 0; i < 3; ++i) {
    CHECK(reader.feed("+OK\r\n").message() == outcome.refused.message());
    CHECK(reader.next().status().message() == outcome.refused.message());
  }
  CHECK(reader.buffered() == 0);
}

TEST_CASE("MutatedRepliesNeverBreakTheReaderNorItsLimits") {
  const RedisReplyLimits limits{
      .string_bytes = 2'000, .elements = 16, .depth = 3, .total_bytes = 8'000};
  constexpr std::string_view kTokens[] = {
      "\r\n", "\r",   "\n",     "*",          "$",          "+",  "-",     ":",          "-1",
      "0",    "9",    "*16",    "2147483648", "*288888288", "$1", "$1999", "$2001\r\n",  "_\r\n",
      ">2",   "%1\r", "*1\r\n", "*-1\r\n",    "$-1\r\n",    "\0", "=",     "4294967296", "|1\r\n"};
  tidegate::test::each_seed(2'000, 100'000, [&](std::uint64_t seed) {
    Rng rng(seed);
    std::string bytes;
    for (std::uint64_t left = 1 + rng.below(4); left > 0; --left) {
      bytes.append(written(random_reply(rng, 3)));
    }
    for (std::uint64_t left = rng.below(6); left > 0; --left) {
      const std::uint64_t at = rng.below(bytes.size() + 1);
      const std::string_view token = kTokens[rng.below(std::size(kTokens))];
      switch (rng.below(5)) {
        case 0: bytes.insert(at, token); break;
        case 1:
          bytes.replace(at, std::min<std::size_t>(token.size(), bytes.size() - at), token);
          break;
        case 2: bytes.erase(at, rng.below(8)); break;
        case 3: bytes.insert(at, bytes.substr(at, rng.below(64))); break;
        default:
          if (at < bytes.size()) bytes[at] = static_cast<char>(bytes[at] ^ (1 << rng.below(8)));
      }
    }
    const std::size_t piece = 1 + rng.below(rng.chance(50) ? 4 : 4'000);
    RedisReplyReader reader(limits);
    const Outcome outcome = read(reader, bytes, piece);
    REQUIRE(outcome.most_buffered <= limits.total_bytes);
    std::size_t in_replies = 0;
    for (const RedisReply& reply : outcome.replies) {
      REQUIRE(reply.text.size() <= RedisReplyReader::kMaxLine);
      REQUIRE(reply.elements.size() <= limits.elements);
      in_replies += written(reply).size();
    }
    REQUIRE(in_replies <= bytes.size() + outcome.replies.size());  // "*-1" is written "$-1"
    if (outcome.refused.ok()) {
      // However it is cut, the same comes out.
      REQUIRE(read(bytes, limits, piece + 1).replies == outcome.replies);
      return;
    }
    const Cause cause = outcome.refused.cause();
    REQUIRE((cause == Cause::kDecode || cause == Cause::kTooLarge));
    REQUIRE(reader.next().status().cause() == cause);
  });
}
