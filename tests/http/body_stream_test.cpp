// SPDX-License-Identifier: Apache-2.0
// What stands between a transfer and its reader, without either.
#include "http/body_stream.hpp"

#include <doctest/doctest.h>

#include <limits>
#include <string>
#include <vector>

#include "support/encode.hpp"
#include "support/sim_loop.hpp"

namespace tidegate::test {
namespace {

using internal::BodyStream;
using internal::ContentDecoder;
using internal::StreamRead;

constexpr std::size_t kMiB = std::size_t{1} << 20;

// A transfer that brings what it is given, as far as there is room.
class Transfer final : public internal::BodySource {
 public:
  explicit Transfer(BodyStream& stream, std::string body)
      : stream_(stream), body_(std::move(body)) {
    stream_.flow_from(*this);
    run();
  }
  void go_on() noexcept override {
    ++resumed;
    run();
  }
  std::size_t brought = 0;
  int resumed = 0;

 private:
  void run() noexcept {
    while (brought < body_.size()) {
      const auto piece = std::string_view(body_).substr(brought, 16384);
      if (!stream_.take(piece)) return;
      brought += piece.size();
    }
    stream_.flow_ended();
    stream_.end(Status());
  }
  BodyStream& stream_;
  const std::string body_;
};

struct Fixture {
  SimLoop loop;
  std::shared_ptr<BodyStream> stream = std::make_shared<BodyStream>(loop, "GET http://a/");

  void decode(const char* coding, std::size_t most = std::numeric_limits<std::size_t>::max()) {
    auto made = ContentDecoder::make(
        {coding}, {.most = most, .encoded = std::numeric_limits<std::size_t>::max()});
    stream->decode(std::move(made).value());
  }
  Operation<Bytes> begin_read(std::size_t most = 65536) {
    auto read = StreamRead::start(stream, most);
    loop.drive();
    return read;
  }
  Result<Bytes> read(std::size_t most = 65536) {
    auto read = begin_read(most);
    REQUIRE(read.done());
    return read.wait();
  }
  // All that is left, and why it ends.
  Status read_all(std::string& text, std::size_t most = 65536) {
    for (;;) {
      const auto chunk = read(most);
      if (!chunk.ok() || chunk->empty()) return chunk.status();
      CHECK(chunk->size() <= most);
      text += chunk->view();
    }
  }
};

std::string pattern(std::size_t size) {
  std::string text;
  for (unsigned x = 7; text.size() < size; x = x * 1664525 + 1013904223) text += char(x >> 24);
  return text;
}

TEST_CASE("ATransferStandsStillWhileNobodyReadsAndGoesOnBelowHalf [B13]") {
  Fixture f;
  const std::string body = pattern(4 * kMiB);
  Transfer transfer(*f.stream, body);
  CHECK(transfer.brought >= BodyStream::kRoom);
  CHECK(transfer.brought < BodyStream::kRoom + 16384);
  const std::size_t first = transfer.brought;
  std::string text(f.read(BodyStream::kRoom / 4)->view());
  CHECK(transfer.brought == first);  // not for every byte
  while (transfer.resumed == 0) text += f.read(1000)->view();
  CHECK(text.size() > BodyStream::kRoom / 2);
  CHECK(text.size() < BodyStream::kRoom / 2 + 20000);
  CHECK(f.read_all(text, 7777).ok());
  CHECK(text == body);
}

TEST_CASE("ReadsBringTheBodyWhateverItsCodingAndTheirSizes") {
  const std::string body = pattern(300'000) + std::string(2 * kMiB, 'a') + pattern(1000);
  for (const std::string& encoding : encodings()) {
    for (const std::size_t most : {1000UL, 65536UL, 10 * kMiB}) {
      CAPTURE(encoding);
      Fixture f;
      f.decode(field_of(encoding).c_str());
      Transfer transfer(*f.stream, encode(encoding, body));
      std::string text;
      CHECK(f.read_all(text, most).ok());
      CHECK(text == body);
      CHECK(f.read()->empty());  // the end stays
    }
  }
}

TEST_CASE("AReadWaitsForBytesAndForNothingElse") {
  Fixture f;
  const auto waits = f.begin_read();
  CHECK_FALSE(waits.done());
  CHECK(f.read().status().cause() == Cause::kBadArgument);  // a second one
  f.stream->take("a");
  CHECK(waits.wait()->view() == "a");
  const auto last = f.begin_read();
  f.stream->end(Status());
  CHECK(last.wait()->empty());
}

TEST_CASE("AReadThatIsCancelledTakesNothing") {
  Fixture f;
  const auto read = f.begin_read();
  read.cancel();
  f.loop.drive();
  CHECK(read.wait().status().cause() == Cause::kCancelled);
  f.stream->take("a");
  read.cancel();
  CHECK(f.read()->view() == "a");
}

TEST_CASE("WhatHasComeIsReadBeforeTheFailureIsTold") {
  Fixture f;
  f.stream->take("half");
  f.stream->end(Status(Cause::kConnectionLost, "lost"));
  CHECK(f.read(3)->view() == "hal");
  CHECK(f.read()->view() == "f");
  CHECK(f.read().status().cause() == Cause::kConnectionLost);
  CHECK(f.read().status().cause() == Cause::kConnectionLost);
}

TEST_CASE("AStreamThatWasClosedGivesNothingMore") {
  Fixture f;
  f.stream->take("a");
  f.stream->close();
  CHECK(f.read().status().cause() == Cause::kClosed);
}

TEST_CASE("ABombIsRefusedWhereItGoesOffAndBringsNothingMore [B1]") {
  for (const std::string& encoding : encodings()) {
    CAPTURE(encoding);
    Fixture f;
    f.decode(field_of(encoding).c_str());
    Transfer transfer(*f.stream, bomb(encoding, 64));
    std::string text;
    const Status ended = f.read_all(text);
    CHECK(ended.cause() == Cause::kTooLarge);
    CHECK(text.size() <= 64 * kMiB);
    CHECK_FALSE(f.stream->take("more"));
    CHECK(f.read().status().cause() == Cause::kTooLarge);
  }
}

TEST_CASE("AStreamIsDecodedUpToItsBound") {
  Fixture f;
  f.decode("gzip", 1000);
  Transfer transfer(*f.stream, encode("gzip", std::string(1001, 'a')));
  std::string text;
  CHECK(f.read_all(text, 100).cause() == Cause::kTooLarge);
  CHECK(text.size() <= 1000);
}

TEST_CASE("ABodyThatIsCutInsideItsCodingIsNoEnd [B3]") {
  for (const std::string& encoding : encodings()) {
    CAPTURE(encoding);
    Fixture f;
    f.decode(field_of(encoding).c_str());
    const std::string whole = encode(encoding, pattern(10'000));
    Transfer transfer(*f.stream, whole.substr(0, whole.size() / 2));
    std::string text;
    const Status ended = f.read_all(text);
    CHECK(ended.cause() == Cause::kDecode);
    CHECK(ended.message().find("GET http://a/") == 0);
  }
  Fixture none;
  none.decode("gzip");
  none.stream->end(Status());
  CHECK(none.read()->empty());
}

TEST_CASE("AReadEndsWhereTheLoopHasEnded") {
  Fixture f;
  f.loop.refuses_posts = true;
  CHECK(StreamRead::start(f.stream, 1).wait().status().cause() == Cause::kClosed);
}

}  // namespace
}  // namespace tidegate::test
