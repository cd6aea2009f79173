// SPDX-License-Identifier: Apache-2.0
// A client on both sides of a fork, and at the end of the process.
#include <doctest/doctest.h>

#include <cstdlib>
#include <optional>
#include <string>

#include "support/child.hpp"
#include "support/deep.hpp"
#include "support/event.hpp"
#include "support/patient_http.hpp"
#include "support/scripted_http.hpp"
#include "support/tls_server.hpp"
#include "tidegate/http.hpp"
#include "tidegate/runtime.hpp"
#include "tidegate/stream.hpp"
#include "tidegate/upload.hpp"

namespace tidegate::test {
namespace {

using namespace std::chrono_literals;

void silent(ScriptedHttp::Peer&, const ScriptedHttp::Request&) {}

bool works(const Client& http, const ScriptedHttp& server) {
  const auto response = http.get(server.url("/")).start().wait();
  return response.ok() && response->status == 200;
}

TEST_CASE("AClientMadeBeforeAForkHasConnectionsOfItsOwnInTheChild [F-1]" *
          doctest::skip(kForkIsBroken)) {
  ScriptedHttp server;
  const Client http(patient("fork"));
  CHECK(in_child([&] { return works(http, server) ? 0 : 1; }) == 0);  // before the first use
  CHECK(works(http, server));
  CHECK(server.accepted() == 2);
  const int code = in_child([&] {
    if (!works(http, server)) return 1;
    const auto second = http.get(server.url("/")).start().wait();
    if (!second.ok() || !second->reused) return 2;
    return in_child([&] { return works(http, server) ? 0 : 1; }) == 0 ? 0 : 3;
  });
  CHECK(code == 0);
  CHECK(server.accepted() == 4);
  const auto after = http.get(server.url("/")).start().wait();
  REQUIRE(after.ok());
  CHECK(after->reused);
  CHECK(server.accepted() == 4);
}

TEST_CASE("StreamsAndUploadsOfTheParentAreClosedInTheChild [F-1]" * doctest::skip(kForkIsBroken)) {
  ScriptedHttp server({{"/half", [](ScriptedHttp::Peer& peer, const ScriptedHttp::Request&) {
                          peer.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf");
                        }}});
  const Client http(patient("fork-stream"));
  const auto stream = http.get(server.url("/half")).stream().wait();
  REQUIRE(stream.ok());
  std::optional<Upload> upload(std::in_place);
  const auto uploading = http.put(server.url("/")).body(*upload).start();
  CHECK(upload->write(Bytes(std::string(10, 'x'))).wait().ok());
  const int code = in_child([&] {
    if (stream->read().wait().status().cause() != Cause::kClosed) return 1;
    const auto write = upload->write(Bytes(std::string(1'000'000, 'x')));
    if (write.wait().status().cause() != Cause::kClosed) return 2;
    if (upload->finish().ok()) return 3;
    upload.reset();
    stream->close();
    return works(http, server) ? 0 : 4;
  });
  CHECK(code == 0);
  CHECK(stream->read().wait()->view() == "half");
  CHECK(upload->finish().ok());
  CHECK(uploading.wait().ok());
}

// Nobody could write it, and the request would wait for that.
TEST_CASE("ABodyThatWasMadeBeforeAForkIsSentByNoChild [F-1]" * doctest::skip(kForkIsBroken)) {
  ScriptedHttp server;
  const Client http(patient("fork-upload"));
  const Upload upload(3);
  const int code = in_child([&] {
    const auto uploading = http.put(server.url("/")).body(upload).start();
    const Status status = uploading.wait(Deadline::after(20s)).status();
    return status.cause() == Cause::kClosed ? 0 : 1;
  });
  CHECK(code == 0);
  const auto uploading = http.put(server.url("/")).body(upload).start();
  CHECK(upload.write(Bytes(std::string("abc"))).wait().ok());
  CHECK(upload.finish().ok());
  CHECK(uploading.wait().ok());
}

TEST_CASE("AForkWithRequestsInFlightLeavesThemToTheParent [F-1] [F-3]" *
          doctest::skip(kForkIsBroken)) {
  ScriptedHttp server({{"/silent", silent}});
  const Client http(patient("fork-flight"));
  for (int i = 0; i < repeat_processes(5, 200); ++i) {
    const auto running = http.get(server.url("/silent")).start();
    const auto waiting = http.get(server.url("/silent")).start();
    CHECK(eventually([&] { return http.stats().in_flight == 2 && server.open() >= 2; }));
    const int code = in_child([&] {
      if (running.wait().status().cause() != Cause::kClosed) return 1;
      running.cancel();
      if (!works(http, server)) return 2;
      return shutdown(10s).ok() ? 0 : 3;
    });
    CHECK(code == 0);
    CHECK_FALSE(running.done());
    running.cancel();
    waiting.cancel();
    CHECK(running.wait().status().cause() == Cause::kCancelled);
  }
  CHECK(works(http, server));
}

// The server is the parent's: one thread more would be one more to end.
TEST_CASE("ProgramThatExitsWithRequestsInFlight" * doctest::skip()) {
  ScriptedHttp server({{"/silent", silent}});
  static const Client http(patient("exit"));
  for (int i = 0; i < 20; ++i) (void)http.get(server.url("/silent")).start();
  if (!eventually([&] { return server.requests() >= 10; })) std::_Exit(1);
  std::exit(0);
}

TEST_CASE("AProcessMayEndWithRequestsInFlight [F-4] [F-7]") {
  for (int i = 0; i < repeat_processes(3, 100); ++i) {
    CHECK(run_program("ProgramThatExitsWithRequestsInFlight") == 0);
  }
}

TEST_CASE("ProgramThatExitsInTheMiddleOfHandshakes" * doctest::skip()) {
  static const TlsServer server("IP:127.0.0.1");
  static const Client http(patient("handshakes").ca_file(server.certificate()).max_connections(16));
  Event answered;
  for (int i = 0; i < 200; ++i) {
    http.get(server.url()).start().on_done([=](const Result<Response>&) { answered.set(); });
  }
  if (!answered.wait()) std::_Exit(1);
  std::exit(0);
}

TEST_CASE("AProcessMayEndInTheMiddleOfHandshakes [F-4] [F-7]") {
  for (int i = 0; i < repeat_processes(3, 100); ++i) {
    CHECK(run_program("ProgramThatExitsInTheMiddleOfHandshakes") == 0);
  }
}

TEST_CASE("ProgramThatShutsDownWithRequestsInFlight" * doctest::skip()) {
  ScriptedHttp server({{"/silent", silent}});
  const Client http(patient("shutdown"));
  const auto running = http.get(server.url("/silent")).start();
  if (!eventually([&] { return server.requests() == 1; })) std::_Exit(1);
  if (!shutdown(10s).ok()) std::_Exit(2);
  if (running.wait().status().cause() != Cause::kClosed) std::_Exit(3);
  if (http.get(server.url("/")).start().wait().status().cause() != Cause::kClosed) std::_Exit(4);
  std::_Exit(thread_count() == 0 ? 0 : 5);
}

TEST_CASE("ShutdownEndsRequestsAndRefusesLaterOnes [F-9]") {
  CHECK(run_program("ProgramThatShutsDownWithRequestsInFlight") == 0);
}

}  // namespace
}  // namespace tidegate::test
