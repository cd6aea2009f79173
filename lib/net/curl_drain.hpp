// SPDX-License-Identifier: Apache-2.0
//
// CurlDrain: what becomes of a transfer whose caller has gone when its request was sent. A connection
// in the middle of an answer is of use to nobody and would be closed; clients that cancel much then
// open one for each of their cancels, which costs more than the rest of a short answer does. So the
// answer has a moment to come to its end, unread, and its connection stays: at most kGrace and kMost
// bytes. What takes longer is closed, and its server stops.
//
// Until then it keeps the place of its request: whoever was let in beside it would open another
// connection, and the server would answer the more slowly. It ends by itself, or with its multi.
#pragma once

#include <memory>
#include <optional>

#include "net/curl_multi.hpp"
#include "net/curl_options.hpp"
#include "tidegate/bytes.hpp"

namespace tidegate::internal {

// What a request that is being sent may still read, and its place.
struct CurlHeld {
  CurlList headers;
  CurlList addresses;
  std::optional<Bytes> body;
  std::shared_ptr<const void> place;
};

class CurlDrain final : private Timer, private CurlEnd {
 public:
  static constexpr Duration kGrace = std::chrono::milliseconds(100);
  static constexpr std::size_t kMost = std::size_t{64} << 10;

  CurlDrain(CurlMulti& multi, CURL* easy, CurlHeld held) noexcept
      : CurlEnd(multi), easy_(easy), held_(std::move(held)) {}
  CurlDrain(const CurlDrain&) = delete;
  CurlDrain& operator=(const CurlDrain&) = delete;
  ~CurlDrain() override;

  // Takes the transfer over from `former`. Not from inside libcurl.
  void begin(CurlEnd& former) noexcept;

 private:
  void fired() noexcept override { multi().drained(*this); }
  void ended(CURLcode) noexcept override { multi().drained(*this); }
  void hindered(int) noexcept override {}
  bool may_connect(const sockaddr&) noexcept override { return false; }
  std::size_t drop(std::size_t size) noexcept;

  CURL* const easy_;
  const CurlHeld held_;
  std::size_t dropped_ = 0;
};

}  // namespace tidegate::internal
