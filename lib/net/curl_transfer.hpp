// SPDX-License-Identifier: Apache-2.0
//
// CurlTransfer: one exchange on libcurl, as a leaf that a flow awaits.
//
//   CurlTransfer transfer(multi, request, start);
//   const Cause woken = co_await transfer;
//   TransportReply reply = transfer.take_reply(woken);
//
// Its handle is new and goes with it, so that nothing of one request is left for another. The times are kept by the shard's wheel, with one timer:
//
//   connecting ──PREREQ: about to send──▶ sent ──head complete──▶ body ──▶ ended
//   connect_timeout                     attempt_timeout         read_timeout since the last byte
//
// libcurl sends a request again, of any method, where a kept connection dies before the answer; it
// says so by a second PREREQ, which is refused beyond the request's `most_sends`.
//
// A body that goes to a sink stands still while that has no room: libcurl keeps the piece that was
// not taken, at most a buffer, and reads nothing more until go_on(). The same with a body that is sent
// while it is written: send_on(). Who stands still is silent for a reason, and no time counts; but a
// server that has begun its body has a reason of its own for each pause in it.
#pragma once

#include <curl/curl.h>

#include <array>
#include <span>
#include <string>
#include <string_view>

#include "base/ports/transport.hpp"
#include "base/scope.hpp"
#include "net/curl_multi.hpp"
#include "net/curl_options.hpp"
#include "net/http_head.hpp"

namespace tidegate::internal {

// What was done before libcurl had a part in it.
struct CurlStart {
  TimePoint begun{};
  Duration dns{};
  // "host:port:address,…" for CURLOPT_RESOLVE; empty: libcurl has nothing to look up.
  std::string addresses;
  // Of a request through a proxy: its host may belong to the public internet.
  bool is_public = false;
};

class CurlTransfer final : public Leaf,
                           private Timer,
                           private CurlEnd,
                           private BodySource,
                           private UploadSender {
 public:
  // `request` stays until the transfer goes.
  CurlTransfer(CurlMulti& multi, const TransportRequest& request, CurlStart start) noexcept;
  CurlTransfer(const CurlTransfer&) = delete;
  CurlTransfer& operator=(const CurlTransfer&) = delete;
  ~CurlTransfer() override;

  bool await_ready() const noexcept { return false; }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> flow) noexcept {
    return start(flow.promise().scope(), flow);
  }
  Cause await_resume() const noexcept { return outcome(); }

  // Once, after it was awaited.
  TransportReply take_reply(Cause woken);

  // There was no connection in time.
  static Status late_to_connect(const TransportRequest& request);

 private:
  enum class Phase : std::uint8_t { kConnecting, kSent, kBody };

  bool start(Scope& scope, std::coroutine_handle<> flow) noexcept;
  Status begin(Loop& loop) noexcept;
  Status set_up();
  TimePoint due() const noexcept;
  void fired() noexcept override;
  void on_cancel() noexcept override;
  bool may_come_to_its_end() const noexcept;
  void ended(CURLcode code) noexcept override;
  void hindered(int error) noexcept override;
  bool may_connect(const sockaddr& address) noexcept override;
  void end(Status status) noexcept;
  void stop() noexcept;
  void read_info() noexcept;

  // From inside libcurl. refuse() notes why it will be told to give up.
  bool send(const char* address, CurlPorts ports) noexcept;
  void refuse_address(std::string_view why) noexcept;
  bool hear_head(std::string_view line) noexcept;
  // How many bytes were taken, or what stops libcurl.
  std::size_t hear_body(std::string_view bytes) noexcept;
  bool keep(std::string_view bytes);
  std::size_t stream(std::string_view bytes);
  Status begin_body();
  void begin_stream();
  void go_on() noexcept override;
  std::size_t fill(std::span<char> room) noexcept;
  void send_on() noexcept override;
  void resume() noexcept;
  bool is_followed() const noexcept;
  void refuse(Status why) noexcept;

  std::string what() const { return request_.method + " " + request_.shown; }
  Status late() const;
  Status failed(CURLcode code);
  Status too_large(std::size_t most) const;

  const TransportRequest& request_;
  const CurlStart start_;
  CURL* easy_ = nullptr;
  CurlList headers_;
  CurlList addresses_;
  Phase phase_ = Phase::kConnecting;
  TimePoint heard_{};  // of the body, or the end of the head
  HttpHead head_;
  std::string body_;
  std::size_t buffered_ = 0;  // of it, as the multi counts
  bool has_enough_ = false;   // of the body of a redirect
  CurlPorts ports_;
  bool streams_ = false;  // to the sink
  bool stands_still_ = false;
  std::size_t streamed_ = 0;
  bool sends_nothing_ = false;  // waits for who writes the body
  bool looks_again_ = false;    // whether it must still be sent
  TimePoint filled_{};          // when something of it was taken
  bool was_blocked_ = false;    // an address of the host's, and
  bool was_allowed_ = false;    // another one
  Status refused_;
  int local_error_ = 0;
  TransportReply reply_;
  std::array<char, CURL_ERROR_SIZE> words_{};
};

}  // namespace tidegate::internal
