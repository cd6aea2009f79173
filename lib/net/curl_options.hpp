// SPDX-License-Identifier: Apache-2.0
//
// CurlOptions: sets up a handle of libcurl: what every handle has, and why, stands in one place.
//
//   CurlOptions options(easy);
//   options.set_always();
//   options.set_request(request);
//   options.set(CURLOPT_WRITEDATA, this);            // and what else
//   list = options.take_headers();                   // stays until the transfer has ended
//   return options.status();
#pragma once

#include <curl/curl.h>

#include <memory>
#include <string>

#include "base/ports/transport.hpp"

namespace tidegate::internal {

struct CurlListFree {
  void operator()(curl_slist* list) const noexcept { ::curl_slist_free_all(list); }
};
using CurlList = std::unique_ptr<curl_slist, CurlListFree>;

class CurlOptions {
 public:
  explicit CurlOptions(CURL* easy) noexcept : easy_(easy) {}

  template <class Value>
  void set(CURLoption option, Value value) noexcept {
    const CURLcode code = ::curl_easy_setopt(easy_, option, value);
    if (failed_ == CURLE_OK) failed_ = code;
  }
  void set_always() noexcept;
  // A connection that was idle for longer is not used.
  void set_max_idle(Duration time) noexcept;
  // Its body is not copied.
  void set_request(const TransportRequest& request);

  CurlList take_headers() noexcept { return std::move(headers_); }
  // kNoMemory, or kConfig where this libcurl cannot do what it must.
  Status status() const;

 private:
  void add_header(const std::string& line) noexcept;
  void set_headers(const TransportRequest& request);
  void set_body(const TransportRequest& request);

  CURL* const easy_;
  CURLcode failed_ = CURLE_OK;
  CurlList headers_;
};

}  // namespace tidegate::internal
