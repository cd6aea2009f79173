// SPDX-License-Identifier: Apache-2.0
// Connections over a Unix socket, to a server that is driven by hand.
#include <doctest/doctest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "net/curl_multi.hpp"
#include "net/curl_options.hpp"
#include "net/unix_route.hpp"
#include "support/curl_in_test.hpp"
#include "support/event.hpp"
#include "support/on_loop.hpp"

namespace tidegate::test {
namespace {

using internal::TransportReply;

class UnixServer {
 public:
  UnixServer() {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    (void)std::snprintf(address.sun_path, sizeof address.sun_path, "%s", path_.c_str());
    REQUIRE(::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(::listen(listener_, 8) == 0);
  }
  UnixServer(const UnixServer&) = delete;
  UnixServer& operator=(const UnixServer&) = delete;
  ~UnixServer() {
    ::close(listener_);
    for (const int peer : {first_, second_}) ::close(peer);
    std::filesystem::remove(path_);
  }
  const std::string& path() const noexcept { return path_; }
  void accept_first() { first_ = accept_one(); }
  void accept_second() { second_ = accept_one(); }
  int first() const noexcept { return first_; }
  int second() const noexcept { return second_; }
  static void hear(int peer) {
    std::array<char, 4096> text{};
    std::string head;
    while (!head.ends_with("\r\n\r\n")) {
      const ssize_t got = ::read(peer, text.data(), text.size());
      REQUIRE(got > 0);
      head.append(text.data(), static_cast<std::size_t>(got));
    }
  }
  static void answer(int peer, const std::string& body) {
    const std::string text =
        "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
    CHECK(::write(peer, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  }

  static bool is_shut(int peer) {
    pollfd waiting{.fd = peer, .events = POLLRDHUP, .revents = 0};
    return ::poll(&waiting, 1, 0) == 1 && (waiting.revents & (POLLRDHUP | POLLHUP)) != 0;
  }

 private:
  // What comes within a minute: else the test has failed, and does not hang.
  int accept_one() const {
    pollfd waiting{.fd = listener_, .events = POLLIN, .revents = 0};
    REQUIRE(::poll(&waiting, 1, 60'000) == 1);
    return ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
  }

  const std::string path_ = std::filesystem::temp_directory_path() /
                            ("tidegate-unix-" + std::to_string(::getpid()) + ".sock");
  const int listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int first_ = -1;
  int second_ = -1;
};

// Takes nothing until it is told to.
class Reluctant final : public internal::BodySink {
 public:
  bool begin(const TransportReply&, internal::BodySource& source) override {
    source_ = &source;
    return true;
  }
  bool take(std::string_view bytes) override {
    if (!takes_) return false;
    body_ += bytes;
    return true;
  }
  void end() noexcept override { source_ = nullptr; }
  void go_on() {
    takes_ = true;
    if (source_) source_->go_on();
  }
  const std::string& body() const noexcept { return body_; }

 private:
  internal::BodySource* source_ = nullptr;
  bool takes_ = false;
  std::string body_;
};

// Has its server answer before it is asked, after the last look at what is idle.
class AnsweringSource final : public internal::UploadSource {
 public:
  explicit AnsweringSource(std::function<void()> answer) : answer_(std::move(answer)) {}
  std::optional<std::uint64_t> length() const noexcept override { return 3; }
  void begin(internal::Loop&, internal::UploadSender&) noexcept override { answer_(); }
  internal::Pulled pull(std::span<char> room) noexcept override {
    std::fill_n(room.begin(), 3, 'x');
    return {.what = internal::Pull::kBytes, .size = 3};
  }
  Status failure() const override { return {}; }
  void end() noexcept override {}
  bool can_rewind() const noexcept override { return false; }
  bool rewind() noexcept override { return true; }
  void over() noexcept override {}

 private:
  const std::function<void()> answer_;
};

// The answer is there before libcurl has told of the socket, which has no ports to know it by.
TEST_CASE("AKeptUnixSocketThatStandsStillIsNotTakenForAnIdleOne") {
  UnixServer server;
  CurlInTest curl;
  auto request = CurlInTest::request("http://a.test/");
  request.route = *internal::unix_route(server.path());
  const auto one = curl.start(request);
  const auto other = curl.start(request);
  server.accept_first();
  server.accept_second();
  for (const int peer : {server.first(), server.second()}) UnixServer::hear(peer);
  for (int turn = 0; turn < 3; ++turn) on_loop(curl.shard(), [] {});
  for (const int peer : {server.first(), server.second()}) UnixServer::answer(peer, "warm");
  REQUIRE(one.wait()->status.ok());
  REQUIRE(other.wait()->status.ok());
  REQUIRE(curl.connections() == 2);

  const std::string body(100'000, 'b');
  Reluctant sink;
  request.method = "PUT";
  request.sink = &sink;
  request.upload = std::make_shared<AnsweringSource>([&] {
    for (const int peer : {server.first(), server.second()}) UnixServer::answer(peer, body);
  });
  const auto streaming = curl.start(request);
  for (int turn = 0; turn < 10; ++turn) on_loop(curl.shard(), [] {});
  on_loop(curl.shard(), [&] { sink.go_on(); });
  const TransportReply reply = *streaming.wait();
  CHECK_MESSAGE(reply.status.ok(), reply.status.to_string());
  CHECK(reply.reused);
  CHECK((sink.body() == body));
  // The other one had the same unasked, and is not idle.
  CHECK(eventually(
      [&] { return UnixServer::is_shut(server.second()) || UnixServer::is_shut(server.first()); }));
}

// A transfer that is answered before its request has gone out.
class AtOnce final : public internal::CurlEnd {
 public:
  AtOnce(internal::CurlMulti& multi, UnixServer& server) : CurlEnd(multi), server_(server) {}
  bool is_over() const noexcept { return is_over_; }
  CURLcode code() const noexcept { return code_; }
  void begin() {
    const curl_prereq_callback on_send = [](void* self, char*, char*, int, int) {
      static_cast<AtOnce*>(self)->answer();
      return CURL_PREREQFUNC_OK;
    };
    const curl_write_callback on_body = [](char*, std::size_t, std::size_t size, void*) {
      return size;
    };
    internal::CurlOptions options(easy_ = multi().take());
    options.set_always();
    options.set(CURLOPT_URL, "http://a.test/");
    options.set(CURLOPT_UNIX_SOCKET_PATH, server_.path().c_str());
    options.set(CURLOPT_OPENSOCKETFUNCTION, &internal::CurlMulti::open_socket);
    options.set(CURLOPT_OPENSOCKETDATA, static_cast<CurlEnd*>(this));
    options.set(CURLOPT_CLOSESOCKETFUNCTION, &internal::CurlMulti::close_socket);
    options.set(CURLOPT_CLOSESOCKETDATA, &multi());
    options.set(CURLOPT_PREREQFUNCTION, on_send);
    options.set(CURLOPT_PREREQDATA, this);
    options.set(CURLOPT_WRITEFUNCTION, on_body);
    CHECK(multi().begin(easy_, *this).ok());
  }

 private:
  void answer() {
    multi().connected(*this);
    server_.accept_first();
    UnixServer::answer(server_.first(), "at once");
  }
  void ended(CURLcode code) noexcept override {
    code_ = code;
    is_over_ = true;
    multi().stop(*this);
    multi().give_back(easy_);
  }
  void hindered(int) noexcept override {}
  bool may_connect(const sockaddr&) noexcept override { return true; }

  UnixServer& server_;
  CURL* easy_ = nullptr;
  bool is_over_ = false;
  CURLcode code_ = CURLE_OK;
};

// libcurl never told of its socket.
TEST_CASE("AConnectionWhoseFirstAnswerCameAtOnceIsWatchedLikeAnother [C6]") {
  UnixServer server;
  internal::Shard shard;
  internal::CurlMulti multi(shard);
  AtOnce transfer(multi, server);
  on_loop(shard, [&] { transfer.begin(); });
  CHECK(eventually([&] {
    bool is_over = false;
    on_loop(shard, [&] { is_over = transfer.is_over(); });
    return is_over;
  }));
  CHECK(transfer.code() == CURLE_OK);
  UnixServer::answer(server.first(), "unasked");
  CHECK(eventually([&] { return UnixServer::is_shut(server.first()); }));
  shard.close();
  CHECK(shard.join(Deadline::after(std::chrono::seconds(30))) == 0);
}

}  // namespace
}  // namespace tidegate::test
