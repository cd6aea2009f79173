// SPDX-License-Identifier: Apache-2.0
// Bodies that are written while they are sent.
#include "tidegate/upload.hpp"

#include <doctest/doctest.h>

#include <array>
#include <optional>
#include <string>

#include "http/body_feed.hpp"
#include "support/event.hpp"
#include "support/loopback_port.hpp"
#include "support/patient_http.hpp"
#include "support/scripted_http.hpp"
#include "support/sim_loop.hpp"
#include "tidegate/http.hpp"
#include "tidegate/stream.hpp"

namespace tidegate::test {
namespace {

using namespace std::chrono_literals;
using internal::BodyFeed;
using internal::Pull;
using Peer = ScriptedHttp::Peer;
using Seen = ScriptedHttp::Request;

constexpr std::size_t kMiB = std::size_t{1} << 20;

Bytes piece(std::size_t size, char letter = 'x') { return Bytes(std::string(size, letter)); }

class Sender final : public internal::UploadSender {
 public:
  void send_on() noexcept override { ++woken; }
  int woken = 0;
};

TEST_CASE("AWriteEndsWhenThereIsRoomForAnother") {
  auto feed = std::make_shared<BodyFeed>(std::nullopt);
  CHECK(feed->write(piece(BodyFeed::kRoom - 1)).wait().value() == BodyFeed::kRoom - 1);
  const auto waits = feed->write(piece(10));
  CHECK_FALSE(waits.done());
  CHECK(feed->write(piece(1)).wait().status().cause() == Cause::kBadArgument);
  std::string room(BodyFeed::kRoom / 2, '\0');
  CHECK(feed->pull(room).size == room.size());
  CHECK_FALSE(waits.done());
  CHECK(feed->pull(std::span(room).first(100)).what == Pull::kBytes);
  CHECK(waits.wait().value() == 10);
  feed->over();
  CHECK(feed->write(piece(1)).wait().status().cause() == Cause::kClosed);
}

TEST_CASE("PullsBringWhatWasWrittenInItsOrderAndThenTheEnd") {
  SimLoop loop;
  Sender sender;
  auto feed = std::make_shared<BodyFeed>(std::nullopt);
  feed->begin(loop, sender);
  std::array<char, 4> room{};
  CHECK(feed->pull(room).what == Pull::kNothing);
  (void)feed->write(piece(3, 'a'));
  (void)feed->write(Bytes());  // is no end
  (void)feed->write(piece(3, 'b'));
  loop.drive();
  CHECK(sender.woken == 1);
  CHECK(feed->pull(room).size == 4);
  CHECK(std::string_view(room.data(), 4) == "aaab");
  CHECK(feed->pull(room).size == 2);
  CHECK(std::string_view(room.data(), 2) == "bb");
  CHECK(feed->pull(room).what == Pull::kNothing);
  CHECK(feed->finish().ok());
  loop.drive();
  CHECK(sender.woken == 2);
  CHECK(feed->pull(room).what == Pull::kEnd);
  CHECK(feed->write(piece(1)).wait().status().cause() == Cause::kBadArgument);
  feed->end();
}

TEST_CASE("AWakeThatComesAfterItsTransferTellsNobody") {
  SimLoop loop;
  Sender sender;
  auto feed = std::make_shared<BodyFeed>(std::nullopt);
  feed->begin(loop, sender);
  std::array<char, 4> room{};
  (void)feed->pull(room);
  (void)feed->write(piece(1));
  feed->end();
  feed.reset();
  loop.drive();
  CHECK(sender.woken == 0);
}

TEST_CASE("ABodyComesWholeAsItWasWrittenWithItsSizeAndWithout") {
  ScriptedHttp server;
  const Client http(patient("upload"));
  for (const bool is_sized : {false, true}) {
    for (const std::size_t size : {0UL, 1UL, 3 * kMiB}) {
      CAPTURE(size);
      const Upload upload = is_sized ? Upload(size) : Upload();
      const auto op = http.put(server.url("/there")).body(upload).start();
      std::string sent;
      while (sent.size() < size) {
        const std::size_t next = std::min<std::size_t>(70'001, size - sent.size());
        REQUIRE(upload.write(piece(next, static_cast<char>('a' + sent.size() % 26))).wait().ok());
        sent += std::string(next, static_cast<char>('a' + sent.size() % 26));
      }
      CHECK(upload.finish().ok());
      const auto response = op.wait();
      REQUIRE_MESSAGE(response.ok(), response.status().to_string());
      CHECK(response->text() == "/there");
      CHECK(server.last().body == sent);
      CHECK(server.last().method == "PUT");
      CHECK(server.last().has("\r\nTransfer-Encoding: chunked\r\n") == !is_sized);
      CHECK(server.last().has("\r\nContent-Length: " + std::to_string(size) + "\r\n") == is_sized);
      CHECK_FALSE(server.last().has("Expect"));
    }
  }
  CHECK(server.accepted() == 1);
}

TEST_CASE("WhoWritesSlowlyHoldsUpNobody [H14]") {
  ScriptedHttp server;
  const Client http(patient("upload-slow"));
  const Upload upload;
  const auto op = http.post(server.url("/a")).body(upload).start();
  for (int i = 0; i < 20; ++i) {
    CHECK(upload.write(piece(1)).wait().ok());
    REQUIRE(http.get(server.url("/b")).start().wait().ok());
  }
  CHECK_FALSE(op.done());
  CHECK(upload.finish().ok());
  CHECK(op.wait().ok());
  CHECK(server.last().body == std::string(20, 'x'));
}

TEST_CASE("AServerThatReadsNothingStopsTheWritesUntilTheRequestEnds") {
  const LoopbackPort silent = new_loopback_port();
  REQUIRE(::listen(silent.socket.get(), 1) == 0);
  const Client http(patient("upload-stuck"));
  const Upload upload;
  const auto op = http.post("http://127.0.0.1:" + std::to_string(silent.number) + "/")
                      .body(upload)
                      .timeout(1s)
                      .start();
  std::size_t taken = 0;
  Status ended;
  for (; ended.ok() && taken < 256 * kMiB; taken += kMiB) {
    ended = upload.write(piece(kMiB)).wait().status();
  }
  CHECK(ended.cause() == Cause::kClosed);
  CHECK(taken < 256 * kMiB);  // more than sockets hold
  CHECK(op.wait().status().cause() == Cause::kDeadline);
}

TEST_CASE("ABodyOfAnotherSizeThanItWasSaidFailsTheRequest [H14]") {
  ScriptedHttp server;
  const Client http(patient("upload-size"));
  const Upload too_short(5);
  const auto op = http.put(server.url("/")).body(too_short).start();
  CHECK(too_short.write(piece(4)).wait().ok());
  CHECK(too_short.write(piece(2)).wait().status().cause() == Cause::kBadArgument);
  CHECK(too_short.finish().cause() == Cause::kBadArgument);
  const Status status = op.wait().status();
  CHECK(status.cause() == Cause::kBadArgument);
  CHECK(status.message().find("4 of its 5 bytes") != std::string_view::npos);
  CHECK(server.requests() == 0);
}

TEST_CASE("AnUploadThatIsDroppedOrFailsEndsItsRequest [H14]") {
  ScriptedHttp server;
  const Client http(patient("upload-dropped"));
  std::optional<Upload> upload(std::in_place);
  const auto dropped = http.post(server.url("/")).body(*upload).start();
  CHECK(upload->write(piece(4)).wait().ok());
  upload.reset();
  CHECK(dropped.wait().status().cause() == Cause::kCancelled);
  const Upload fails;
  const auto failed = http.post(server.url("/")).body(fails).start();
  fails.fail(Status(Cause::kCallableFailed, "no more of it"));
  fails.fail(Status());
  CHECK(failed.wait().status().cause() == Cause::kCallableFailed);
  CHECK(failed.wait().status().message().find("no more of it") != std::string_view::npos);
  CHECK(fails.finish().cause() != Cause::kNone);
  CHECK(eventually([&] { return http.stats().in_flight == 0; }));
}

TEST_CASE("ARequestWithAnUploadStartsOnceAndIsSentOnce [C10]") {
  ScriptedHttp server({{"/busy", [](Peer& peer, const Seen&) {
                          peer.send("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n");
                        }}});
  const Client http(patient("upload-once"));
  const Upload upload;
  auto request = http.put(server.url("/busy"));
  request.body(upload).idempotent(true);
  const auto first = request.start();
  CHECK(request.start().wait().status().cause() == Cause::kBadArgument);
  CHECK(upload.write(piece(3)).wait().ok());
  CHECK(upload.finish().ok());
  const auto response = first.wait();
  REQUIRE(response.ok());
  CHECK(response->status == 503);
  CHECK(response->attempts == 1);
  CHECK(server.requests() == 1);
}

// Writes until the request has ended; how often from the begin.
int write_all(const Upload& upload, const std::string& body, std::size_t size) {
  for (int begins = 1;; ++begins) {
    bool is_wanted_again = false;
    for (std::size_t at = 0; at < body.size() && !is_wanted_again; at += size) {
      const auto piece = std::string_view(body).substr(at, size);
      const auto taken = upload.write(Bytes::copy_of(piece)).wait();
      if (!taken.ok()) return begins;
      is_wanted_again = *taken == 0;
    }
    if (is_wanted_again) continue;
    CHECK(upload.finish().ok());
    const auto sent = upload.sent().wait();
    REQUIRE(sent.ok());
    if (*sent) return begins;
  }
}

TEST_CASE("ABodyThatCanBeRewoundIsSentAgainAndWhereARedirectLeads") {
  const std::string body = "begin" + std::string(2 * kMiB, 'x') + "end";
  for (const std::size_t size : {50'000UL, 5 * kMiB}) {
    int asked = 0;  // of the server's thread
    ScriptedHttp server(
        {{"/busy",
          [&asked](Peer& peer, const Seen& seen) {
            if (++asked == 3) return peer.answer(seen.body);
            peer.send("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n");
          }},
         {"/away",
          [](Peer& peer, const Seen&) {
            peer.send("HTTP/1.1 307 Away\r\nLocation: /there\r\nContent-Length: 0\r\n\r\n");
          }},
         {"/there", [](Peer& peer, const Seen& seen) { peer.answer(seen.body); }},
         {"/lost", [](Peer& peer, const Seen&) { peer.close(); }}});
    const Client http(patient("upload-rewind"));
    const Upload busy = Upload::rewindable(body.size());
    const auto again = http.put(server.url("/busy")).body(busy).start();
    CHECK(write_all(busy, body, size) == 3);
    const auto response = again.wait();
    REQUIRE_MESSAGE(response.ok(), response.status().to_string());
    CHECK(response->text() == body);
    CHECK(response->attempts == 3);
    const Upload away = Upload::rewindable(body.size());
    const auto led = http.post(server.url("/away")).body(away).start();
    CHECK(write_all(away, body, size) == 2);
    const auto there = led.wait();
    REQUIRE_MESSAGE(there.ok(), there.status().to_string());
    CHECK(there->text() == body);
    const Upload post = Upload::rewindable(body.size());
    const auto lost = http.post(server.url("/lost")).body(post).start();
    CHECK(write_all(post, body, size) == 1);  // may not be repeated
    CHECK(lost.wait().status().cause() == Cause::kConnectionLost);
  }
}

TEST_CASE("WhoWritesHearsOfARewindByWhatHeDoesNext") {
  auto feed = std::make_shared<BodyFeed>(4, true);
  CHECK(feed->rewind());  // nothing was pulled: as it is
  CHECK(feed->write(piece(2, 'a')).wait().value() == 2);
  std::array<char, 8> room{};
  CHECK(feed->pull(room).size == 2);
  CHECK(feed->rewind());
  CHECK(feed->write(piece(2, 'a')).wait().value() == 0);
  CHECK(feed->write(piece(4, 'b')).wait().value() == 4);
  CHECK(feed->finish().ok());
  CHECK(feed->pull(room).size == 4);
  CHECK(feed->pull(room).what == Pull::kEnd);
  CHECK(feed->rewind());
  CHECK(feed->finish().ok());
  CHECK_FALSE(feed->sent().wait().value());
  CHECK(feed->write(piece(4, 'c')).wait().value() == 4);
  CHECK(feed->finish().ok());
  const auto sent = feed->sent();
  CHECK(feed->sent().wait().status().cause() == Cause::kBadArgument);
  CHECK(feed->pull(room).size == 4);
  CHECK(feed->rewind());
  CHECK_FALSE(sent.wait().value());
  const auto given_up = feed->sent();
  given_up.cancel();
  CHECK(given_up.wait().status().cause() == Cause::kCancelled);
  const auto last = feed->sent();
  feed->over();
  CHECK(last.wait().value());
  CHECK(feed->sent().wait().value());
  auto dropped = std::make_shared<BodyFeed>(1, true);
  (void)dropped->write(piece(1));
  CHECK(dropped->finish().ok());
  dropped->fail(Status(Cause::kCancelled, ""));
  CHECK(dropped->pull(room).size == 1);
  CHECK(dropped->rewind());
  CHECK(dropped->pull(room).what == Pull::kFailed);
  auto once = std::make_shared<BodyFeed>(4);
  (void)once->write(piece(2));
  CHECK(once->rewind());
  CHECK(once->pull(room).size == 2);
  CHECK_FALSE(once->rewind());
}

TEST_CASE("ARequestThatCannotBeginEndsTheWrites") {
  const Client http(patient("upload-refused"));
  const Upload nowhere;
  CHECK(http.put("nonsense").body(nowhere).start().wait().status().cause() == Cause::kBadArgument);
  CHECK(nowhere.write(piece(BodyFeed::kRoom)).wait().status().cause() == Cause::kClosed);
  const Upload both;
  CHECK(http.put("http://127.0.0.1/").body(Bytes()).body(both).start().wait().status().cause() ==
        Cause::kBadArgument);
  const Upload head;
  CHECK(http.head("http://127.0.0.1/").body(head).start().wait().status().cause() ==
        Cause::kBadArgument);
  // No connection: what was not sent is tried again.
  const Upload unsent;
  const LoopbackPort closed = new_loopback_port();
  const auto op = http.post("http://127.0.0.1:" + std::to_string(closed.number) + "/")
                      .body(unsent)
                      .attempts(2)
                      .start();
  const auto write = unsent.write(piece(BodyFeed::kRoom));
  CHECK(op.wait().status().cause() == Cause::kConnect);
  CHECK(op.wait().status().history().size() == 2);
  CHECK(write.wait().status().cause() == Cause::kClosed);
}

TEST_CASE("ABodyThatNoRequestCanHaveAnyMoreIsAtItsEnd") {
  std::optional<Upload> upload(std::in_place);
  CHECK(upload->write(piece(3)).wait().ok());
  CHECK(upload->finish().ok());
  const auto sent = upload->sent();
  upload.reset();
  CHECK(sent.done());
  CHECK(sent.wait(Deadline::after(10s)).ok());
}

TEST_CASE("AServerThatRefusesAtOnceEndsAnUploadThatWaits") {
  ScriptedHttp server({}, [](Peer& peer) {
    peer.send("HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno");
    return true;
  });
  const Client http(patient("upload-early"));
  const Upload upload;
  const auto op = http.post(server.url("/")).body(upload).start();
  const auto response = op.wait();  // without a byte written
  REQUIRE_MESSAGE(response.ok(), response.status().to_string());
  CHECK(response->status == 413);
  CHECK(upload.write(piece(1)).wait().status().cause() == Cause::kClosed);
}

TEST_CASE("ARedirectThatWantsTheBodyAgainIsAFailureAndOneThatDoesNotIsFollowed") {
  const auto away = [](const char* status) {
    return [status](Peer& peer, const Seen&) {
      peer.send(std::string("HTTP/1.1 ") + status +
                " Away\r\nLocation: /there\r\nContent-Length: 0\r\n\r\n");
    };
  };
  ScriptedHttp server({{"/again", away("307")}, {"/see", away("303")}});
  const Client http(patient("upload-away"));
  const Upload again;
  const auto refused = http.post(server.url("/again")).body(again).start();
  CHECK(again.finish().ok());
  CHECK(refused.wait().status().cause() == Cause::kRedirect);
  const Upload see;
  const auto followed = http.post(server.url("/see")).body(see).start();
  CHECK(see.write(piece(1)).wait().ok());
  CHECK(see.finish().ok());
  REQUIRE(followed.wait().ok());
  CHECK(followed.wait()->text() == "/there");
  CHECK(server.last().method == "GET");
}

TEST_CASE("AServerThatIsSilentAfterTheLastByteIsLate") {
  ScriptedHttp server({{"/silent", [](Peer&, const Seen&) {}}});
  const Client http(patient("upload-silent").attempt_timeout(50ms));
  const Upload upload(1);
  const auto op = http.post(server.url("/silent")).body(upload).start();
  (void)upload.write(piece(1));
  (void)upload.finish();
  CHECK(op.wait().status().cause() == Cause::kAttemptTimeout);
}

TEST_CASE("AServerThatStopsInItsBodyIsLateAlsoWhereNobodyWrites [H14] [B6]") {
  ScriptedHttp server({}, [](Peer& peer) {
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
    return true;
  });
  const Client http(patient("upload-stops").read_timeout(50ms));
  const Upload whole;
  const auto op = http.post(server.url("/")).body(whole).start();
  CHECK(whole.write(piece(1)).wait().ok());
  CHECK(op.wait().status().cause() == Cause::kReadTimeout);
  const Upload streamed;
  const auto stream = http.post(server.url("/")).body(streamed).stream().wait();
  REQUIRE_MESSAGE(stream.ok(), stream.status().to_string());
  CHECK(stream->read().wait()->view() == "half");
  CHECK(stream->read().wait().status().cause() == Cause::kReadTimeout);
  CHECK(streamed.write(piece(1)).wait().status().cause() == Cause::kClosed);
}

TEST_CASE("ABodyIsReadWhileAnotherIsWritten") {
  ScriptedHttp server({{"/echo", [](Peer& peer, const Seen& seen) { peer.answer(seen.body); }}});
  const Client http(patient("upload-echo"));
  const Upload upload;
  const auto op = http.post(server.url("/echo")).body(upload).stream();
  for (int i = 0; i < 16; ++i) CHECK(upload.write(piece(kMiB / 4)).wait().ok());
  CHECK(upload.finish().ok());
  const auto stream = op.wait();
  REQUIRE_MESSAGE(stream.ok(), stream.status().to_string());
  std::size_t size = 0;
  for (;;) {
    const auto chunk = stream->read().wait();
    REQUIRE(chunk.ok());
    if (chunk->empty()) break;
    size += chunk->size();
  }
  CHECK(size == 4 * kMiB);
}

}  // namespace
}  // namespace tidegate::test
