// SPDX-License-Identifier: Apache-2.0
// Bodies that are decoded on the loop: in slices, beside everything else, and only as long as
// somebody wants them.
#include "http/decode_body.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <deque>
#include <string>
#include <vector>

#include "support/encode.hpp"
#include "support/flow.hpp"
#include "support/sim_loop.hpp"

namespace tidegate::internal {
namespace {

using test::encode;
using test::Flow;
using test::SimLoop;
using test::yield;
using namespace std::chrono_literals;

constexpr std::size_t kMiB = std::size_t{1} << 20;

TransportReply reply_of(std::string body, std::string coding) {
  TransportReply reply;
  reply.http_status = 200;
  reply.headers.add("Content-Length", std::to_string(body.size()));
  if (!coding.empty()) reply.headers.add("content-encoding", std::move(coding));
  reply.headers.add("ETag", "x");
  reply.body = Bytes(std::move(body));
  return reply;
}

// A body that is decoded, and how that ended.
struct Decoded {
  TransportReply reply;
  std::optional<std::size_t> most = 64 * kMiB;
  DecodeShare* share = nullptr;
  bool over = false;
};

Task<void> run(Decoded* decoded) {
  auto decoding = decode_body(std::move(decoded->reply), decoded->most, "GET x", decoded->share);
  decoded->reply = co_await std::move(decoding);
  decoded->over = true;
}

TransportReply decode_now(TransportReply reply, std::optional<std::size_t> most = 64 * kMiB) {
  SimLoop loop;
  DecodeShare share(loop);
  Decoded decoded{.reply = std::move(reply), .most = most, .share = &share};
  const Flow flow(loop, run(&decoded));
  loop.drive();
  REQUIRE(decoded.over);
  CHECK(share.slice() == DecodeShare::kSlice);
  CHECK(live_frames() == 0);
  return decoded.reply;
}

// Two hundred times smaller it is not.
std::string text_of(std::size_t size) {
  std::string text;
  for (unsigned i = 1; text.size() < size; i = i * 1664525 + 1013904223) text += std::to_string(i);
  text.resize(size);
  return text;
}

TEST_CASE("ADecodedBodyHasNoFieldsOfItsCoding") {
  for (const std::string& encoding : test::encodings()) {
    const auto reply = decode_now(reply_of(encode(encoding, "hello"), test::field_of(encoding)));
    CHECK(reply.status.ok());
    CHECK(reply.body.view() == "hello");
    CHECK(reply.headers == Headers().add("ETag", "x"));
  }
  const auto twice = decode_now(reply_of(encode("br", encode("gzip", "hello")), "gzip, br"));
  CHECK(twice.body.view() == "hello");
  CHECK(twice.headers.size() == 1);
}

TEST_CASE("WhatIsNotEncodedOrNotToBeDecodedStaysAsItIs [B4]") {
  const auto same = [](const TransportReply& reply, std::optional<std::size_t> most = kMiB) {
    const TransportReply after = decode_now(reply, most);
    CHECK(after.status.cause() == reply.status.cause());
    CHECK(after.body.data() == reply.body.data());  // not even copied
    CHECK(after.headers == reply.headers);
  };
  same(reply_of("hello", ""));
  same(reply_of("hello", "identity"));
  same(reply_of(encode("gzip", "hello"), "gzip"), std::nullopt);
  same(reply_of("hello", "whatever"), std::nullopt);
  for (const char* const coding : {"gzip", "br, zstd", "deflate, deflate, deflate", "whatever"}) {
    same(reply_of("", coding));  // as of a HEAD, a 204, a 304
  }
  TransportReply failed = reply_of("hello", "gzip");
  failed.status = Status(Cause::kConnectionLost, "lost");
  same(failed);
}

TEST_CASE("WhatCannotBeDecodedHasAReasonAndNoBody [B2] [B3] [B4]") {
  const std::string gzip = encode("gzip", "hello");
  const struct {
    std::string body, coding;
    Cause cause;
    std::string_view words;
  } cases[] = {
      {gzip.substr(0, gzip.size() - 1), "gzip", Cause::kDecode, "GET x: the body ends inside"},
      {"hello", "gzip", Cause::kDecode, "GET x: the gzip stream is broken"},
      {"hello", "whatever", Cause::kDecode, "GET x: a body in the coding 'whatever'"},
      {gzip, "gzip, gzip, gzip", Cause::kDecode, "GET x: a body in 3 codings"},
      {test::bomb("br", 64), "br", Cause::kTooLarge, "GET x: a body of "},
      {test::bomb("gzip", 64), "gzip", Cause::kTooLarge, "GET x: a body of "},
  };
  for (const auto& each : cases) {
    const auto reply = decode_now(reply_of(each.body, each.coding));
    CHECK_MESSAGE(reply.status.cause() == each.cause, reply.status.to_string());
    CHECK_MESSAGE(reply.status.message().starts_with(each.words), reply.status.to_string());
    CHECK(reply.body.empty());
  }
}

TEST_CASE("SmallBodiesAreDecodedWithoutGivingWay") {
  for (const std::string& encoding : test::encodings()) {
    CAPTURE(encoding);
    const std::string body = encode(encoding, text_of(16'000));
    SimLoop loop;
    DecodeShare share(loop);
    std::deque<Decoded> all;
    std::deque<Flow> flows;
    for (int i = 0; i < 3; ++i) {
      all.push_back({.reply = reply_of(body, test::field_of(encoding)), .share = &share});
      flows.emplace_back(loop, run(&all.back()));
    }
    loop.single_turn(0ns);
    for (const Decoded& each : all) CHECK(each.over);
    CHECK(loop.resumes() == 3);
  }
}

Task<void> count_turns(const Decoded* decoded, int* turns) {
  while (!decoded->over) {
    ++*turns;
    co_await yield();
  }
}

TEST_CASE("BetweenTheSlicesOfALargeBodyOthersHaveTheirTurns [B1]") {
  for (const std::string& encoding : test::encodings()) {
    CAPTURE(encoding);
    SimLoop loop;
    DecodeShare share(loop);
    const std::string text = text_of(kMiB / 2);
    Decoded decoded{.reply = reply_of(encode(encoding, text), test::field_of(encoding)),
                    .share = &share};
    int turns = 0;
    const Flow flow(loop, run(&decoded));
    const Flow other(loop, count_turns(&decoded, &turns));
    loop.drive();
    CHECK(decoded.reply.body.view() == text);
    CHECK(turns >= static_cast<int>(text.size() / DecodeShare::kSlice));
    CHECK(loop.elapsed() == 0ns);
  }
}

TEST_CASE("ABodyThatDecodesToNothingGivesWayToo [B1]") {
  std::string members;
  const std::string member = encode("gzip", "");
  while (members.size() < kMiB) members += member;
  SimLoop loop;
  DecodeShare share(loop);
  Decoded decoded{.reply = reply_of(members, "gzip"), .share = &share};
  int turns = 0;
  const Flow flow(loop, run(&decoded));
  const Flow other(loop, count_turns(&decoded, &turns));
  loop.drive();
  CHECK(decoded.reply.status.ok());
  CHECK(decoded.reply.body.empty());
  CHECK(turns >= static_cast<int>(members.size() / DecodeShare::kSlice));
}

TEST_CASE("AllWhoDecodeShareTheTimeOfOneSlice [B1]") {
  for (const char* const encoding : {"zstd", "br"}) {
    CAPTURE(encoding);
    SimLoop loop;
    DecodeShare share(loop);
    const std::string text = text_of(256 << 10);
    std::deque<Decoded> all;
    std::deque<Flow> flows;
    for (int i = 0; i < 16; ++i) {
      all.push_back({.reply = reply_of(encode(encoding, text), encoding), .share = &share});
      flows.emplace_back(loop, run(&all.back()));
    }
    const auto is_over = [](const Decoded& each) { return each.over; };
    std::size_t turns = 0;
    while (!std::all_of(all.begin(), all.end(), is_over)) {
      loop.single_turn(0ns);
      REQUIRE(++turns < 10'000);
    }
    for (const Decoded& each : all) CHECK(each.reply.body.view() == text);
    CHECK(turns >= all.size() * text.size() / DecodeShare::kSlice);
    CHECK(share.slice() == DecodeShare::kSlice);
  }
}

TEST_CASE("OfThoseWhoseStepsAreLongOneHasAStepInATurn [B1]") {
  SimLoop loop;
  DecodeShare share(loop);
  const std::string bomb = test::bomb("br", 1024);
  const std::string text = text_of(2 << 10);
  std::deque<Decoded> bombs, small;
  std::deque<Flow> flows;
  for (int i = 0; i < 4; ++i) {
    bombs.push_back({.reply = reply_of(bomb, "br"), .share = &share});
    flows.emplace_back(loop, run(&bombs.back()));
    small.push_back({.reply = reply_of(encode("gzip", text), "gzip"), .share = &share});
    flows.emplace_back(loop, run(&small.back()));
  }
  const auto is_over = [](const Decoded& each) { return each.over; };
  std::ptrdiff_t over = 0;
  for (int turns = 0; over < 4; ++turns) {
    loop.single_turn(0ns);
    const auto now = std::count_if(bombs.begin(), bombs.end(), is_over);
    CHECK(now <= over + 1);
    CHECK(std::all_of(small.begin(), small.end(), is_over));
    over = now;
    REQUIRE(turns < 10'000);
  }
  for (const Decoded& each : bombs) CHECK(each.reply.status.cause() == Cause::kTooLarge);
}

// Fails in its first slice.
std::string too_large() { return encode("br", std::string(16 * kMiB, '\0')); }

TEST_CASE("AfterALongSliceTheLoopIsTheOthersForAsLong [B1]") {
  SimLoop loop;
  DecodeShare share(loop);
  const std::string bomb = too_large();
  std::deque<Decoded> bombs;
  std::deque<Flow> flows;
  const auto begin = [&] {
    bombs.push_back({.reply = reply_of(bomb, "br"), .share = &share});
    flows.emplace_back(loop, run(&bombs.back()));
  };
  const auto turns = [&](std::size_t over, Duration of, int count) {
    for (int i = 0; i < count; ++i) {
      loop.single_turn(of);
      for (std::size_t b = 0; b < bombs.size(); ++b) REQUIRE(bombs[b].over == (b < over));
    }
  };
  begin();
  begin();
  turns(0, 8ms, 1);  // the slice of the first
  turns(0, 1ms, 8);  // others
  turns(1, 0ms, 1);  // the first has its answer
  turns(1, 9ms, 1);  // the slice of the second
  begin();
  turns(1, 3ms, 3);
  turns(2, 0ms, 1);
  turns(2, 8ms, 1);
  turns(2, 1ms, 8);
  turns(3, 0ms, 1);
  // What is alone, later, waits for nobody.
  begin();
  turns(3, 0ms, 1);
  turns(4, 0ms, 1);
}

TEST_CASE("ALongSliceOfOneWhoIsGoneIsNoOnesDebt [B1]") {
  SimLoop loop;
  DecodeShare share(loop);
  Decoded gone{.reply = reply_of(too_large(), "br"), .share = &share};
  Flow flow(loop, run(&gone));
  loop.single_turn(8ms);
  flow.scope().cancel(Cause::kCancelled);
  loop.single_turn(1h);
  CHECK(gone.reply.status.cause() == Cause::kTooLarge);
  Decoded next{.reply = reply_of(encode("br", "hello"), "br"), .share = &share};
  const Flow other(loop, run(&next));
  loop.single_turn(0ns);
  CHECK(next.reply.body.view() == "hello");
}

TEST_CASE("WhoLeavesTheRowLetsTheNextOneGoOn [C2]") {
  for (std::uint64_t at = 1; at < 40; ++at) {
    SimLoop loop;
    DecodeShare share(loop);
    const std::string text = text_of(256 << 10);
    std::deque<Decoded> all;
    std::deque<Flow> flows;
    for (int i = 0; i < 3; ++i) {
      all.push_back({.reply = reply_of(encode("br", text), "br"), .share = &share});
      flows.emplace_back(loop, run(&all.back()));
    }
    loop.before_resume([&](std::uint64_t number) {
      if (number == at) flows[at % 3].scope().cancel(Cause::kCancelled);
    });
    loop.drive();
    for (std::size_t i = 0; i < 3; ++i) {
      REQUIRE(all[i].over);
      if (i != at % 3) CHECK(all[i].reply.body.view() == text);
    }
    CHECK(share.slice() == DecodeShare::kSlice);
  }
}

TEST_CASE("WhoIsCancelledStopsDecodingAtTheNextSlice [C2]") {
  const TransportReply reply = reply_of(encode("gzip", text_of(kMiB)), "gzip");
  for (std::uint64_t at = 1;; ++at) {
    SimLoop loop;
    DecodeShare share(loop);
    Decoded decoded{.reply = reply, .share = &share};
    Flow flow(loop, run(&decoded));
    bool cancelled = false;
    loop.before_resume([&](std::uint64_t number) {
      if (number != at) return;
      cancelled = true;
      flow.scope().cancel(Cause::kCancelled);
    });
    loop.drive();
    REQUIRE(decoded.over);
    CHECK(loop.resumes() <= at + 1);
    CHECK(share.slice() == DecodeShare::kSlice);
    if (!cancelled) break;
    // The one that was cancelled when only its last slice was left has it.
    if (decoded.reply.status.ok()) continue;
    CHECK(decoded.reply.status.cause() == Cause::kCancelled);
    CHECK(decoded.reply.body.empty());
  }
}

TEST_CASE("ADeadlineEndsDecoding [B1]") {
  SimLoop loop;
  DecodeShare share(loop);
  Decoded decoded{.reply = reply_of(encode("br", text_of(kMiB)), "br"), .share = &share};
  const Flow flow(loop, run(&decoded), Deadline::after(10ms, loop.now()));
  int turns = 0;
  for (; !decoded.over && turns < 100; ++turns) loop.single_turn(1ms);
  CHECK(turns <= 12);
  CHECK(decoded.reply.status.cause() == Cause::kDeadline);
}

}  // namespace
}  // namespace tidegate::internal
