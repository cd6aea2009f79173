// SPDX-License-Identifier: Apache-2.0
//
// CurlInTest: a transport on a shard of its own, and its exchanges as operations. What it has is
// checked at the end: no flow, no connection that is still watched.
#pragma once

#include <doctest/doctest.h>

#include <string>
#include <utility>

#include "base/flow_operation.hpp"
#include "net/curl_transport.hpp"
#include "support/on_loop.hpp"

namespace tidegate::test {

class ExchangeOperation final : public internal::FlowOperation {
 public:
  ExchangeOperation(internal::Loop& loop, internal::Transport& transport,
                    internal::TransportRequest request, Deadline deadline)
      : FlowOperation(loop, deadline), transport_(transport), request_(std::move(request)) {}
  const void* result() const noexcept override { return &result_; }

 private:
  internal::Task<void> flow() override {
    auto exchanging = transport_.exchange(&request_);
    reply_ = co_await std::move(exchanging);
  }
  void settle(const Status& outcome) noexcept override {
    if (reply_.status.ok() && !outcome.ok()) reply_.status = outcome;
    result_ = std::move(reply_);
  }

  internal::Transport& transport_;
  internal::TransportRequest request_;
  internal::TransportReply reply_;
  Result<internal::TransportReply> result_{Status(Cause::kInternal, "not settled")};
};

class CurlInTest {
 public:
  explicit CurlInTest(const internal::CurlKept& kept = {}, internal::ResolverOptions resolver = {})
      : transport_(shard_, kept, std::move(resolver)) {}
  explicit CurlInTest(internal::ResolverOptions resolver)
      : CurlInTest(internal::CurlKept(), std::move(resolver)) {}
  CurlInTest(const CurlInTest&) = delete;
  CurlInTest& operator=(const CurlInTest&) = delete;
  ~CurlInTest() {
    shard_.close();
    CHECK(shard_.join(Deadline::after(std::chrono::seconds(30))) == 0);
    CHECK(transport_.resolver().workers()->join(Deadline::after(std::chrono::seconds(30))) == 0);
    CHECK(shard_.roots() == 0);
    CHECK(transport_.multis().buffered() == 0);
  }

  static internal::TransportRequest request(std::string url, std::string method = "GET") {
    internal::TransportRequest made;
    made.method = std::move(method);
    made.shown = url;
    made.url = std::move(url);
    made.connect_timeout = std::chrono::seconds(20);
    made.attempt_timeout = std::chrono::seconds(30);
    made.read_timeout = std::chrono::seconds(30);
    made.max_head = std::size_t{64} << 10;
    made.max_body = std::size_t{1} << 20;
    return made;
  }

  Operation<internal::TransportReply> start(internal::TransportRequest request,
                                            Deadline deadline = Deadline::never()) {
    auto* const exchange = new ExchangeOperation(shard_, transport_, std::move(request), deadline);
    return Operation<internal::TransportReply>(exchange->begin());
  }
  internal::TransportReply exchange(internal::TransportRequest request,
                                    Deadline deadline = Deadline::never()) {
    return *start(std::move(request), deadline).wait();
  }
  internal::TransportReply get(std::string url) { return exchange(request(std::move(url))); }

  // Sockets that the transport believes to have.
  std::size_t connections() {
    std::size_t count = 0;
    on_loop(shard_, [&] { count = transport_.multis().connections(); });
    return count;
  }

  // Those that have connections of their own.
  std::size_t identities() {
    std::size_t count = 0;
    on_loop(shard_, [&] { count = transport_.multis().size(); });
    return count;
  }

  // Nothing goes on over any of them.
  bool is_idle() {
    std::size_t busy = 0;
    on_loop(shard_, [&] { busy = transport_.multis().transfers(); });
    return busy == 0;
  }

  internal::Shard& shard() noexcept { return shard_; }

 private:
  internal::Shard shard_;
  internal::CurlTransport transport_;
};

}  // namespace tidegate::test
