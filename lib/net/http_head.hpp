// SPDX-License-Identifier: Apache-2.0
//
// HttpHead: the head of an answer, line by line, and whether it is to be believed. libcurl splits
// it into lines and takes no binary nonsense for one, but believes too much: of two lengths the
// last, of one beyond all numbers none, and none of one with a blank before its colon or in a fold.
// Answers that say two things about where they end are how requests get each other's answers, so they
// are refused.
//
//   HttpHead head(max_bytes);
//   Status status = head.line("HTTP/1.1 200 OK\r\n");  …  head.line("\r\n");
//   if (head.complete()) …
//
// Interim answers (100 to 199) are counted, bounded and forgotten. What follows a complete head are
// trailers: they count against the bound, and are dropped.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "base/ports/transport.hpp"
#include "tidegate/headers.hpp"
#include "tidegate/status.hpp"

namespace tidegate::internal {

class HttpHead {
 public:
  static constexpr int kMostInterim = 8;

  explicit HttpHead(std::size_t max_bytes) noexcept : max_bytes_(max_bytes) {}

  // One line with its end. A failure is kTooLarge or kProtocol, and the end of the exchange.
  Status line(std::string_view line);

  // Forgets what it has heard: the request is sent again.
  void begin_again() noexcept;

  bool complete() const noexcept { return complete_; }
  int status() const noexcept { return status_; }
  bool leads_elsewhere() const noexcept { return internal::leads_elsewhere(status_, headers_); }
  const Headers& headers() const noexcept { return headers_; }
  Headers take_headers() noexcept { return std::move(headers_); }
  // Content-Length; nothing where there is none.
  std::optional<std::uint64_t> length() const noexcept { return length_; }

 private:
  Status status_line(std::string_view line);
  Status field(std::string_view line);
  Status end();
  Status check_transfer_coding() const;

  const std::size_t max_bytes_;
  std::size_t bytes_ = 0;
  int interim_ = 0;
  int status_ = 0;
  bool complete_ = false;
  Headers headers_;
  Headers::Field last_;  // not yet in headers_: the next line may go on with it
  std::optional<std::uint64_t> length_;
};

}  // namespace tidegate::internal
