// SPDX-License-Identifier: Apache-2.0
//
// CurlOptions: sets up a handle of libcurl: what every handle has, and why, stands in one place.
//
//   CurlOptions options(easy);
//   options.set_always();
//   options.set_request(request);
//   options.set(CURLOPT_WRITEDATA, this);            // and what else
//   list = options.take_headers();                   // stays until the transfer has ended, as the
//   more = options.take_addresses();                 // addresses do
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

struct CurlKept;

// The file of the certificates that it trusts.
const char* ca_file_of(const TransportRequest& request) noexcept;
long tls_version_of(const TransportRequest& request) noexcept;

class CurlOptions {
 public:
  explicit CurlOptions(CURL* easy) noexcept : easy_(easy) {}

  template <class Value>
  void set(CURLoption option, Value value) noexcept {
    const CURLcode code = ::curl_easy_setopt(easy_, option, value);
    if (failed_ == CURLE_OK) failed_ = code;
  }
  void set_always() noexcept;
  // What libcurl itself does not use any more: the reaper comes before it.
  void set_kept(const CurlKept& kept) noexcept;
  // Its body is not copied.
  void set_request(const TransportRequest& request);

  // The wheel is authoritative; libcurl must know it to share it out among several addresses.
  void set_connect_timeout(Duration time) noexcept;
  // "host:port:address,…", for this request: libcurl looks nothing up. Empty: none.
  void set_addresses(const std::string& addresses) noexcept;

  CurlList take_addresses() noexcept { return std::move(addresses_); }
  CurlList take_headers() noexcept { return std::move(headers_); }
  // kNoMemory, or kConfig where this libcurl cannot do what it must.
  Status status() const;

 private:
  void add_header(const std::string& line) noexcept;
  void set_trust(const TransportRequest& request);
  void set_headers(const TransportRequest& request);
  void set_body(const TransportRequest& request);

  CURL* const easy_;
  CURLcode failed_ = CURLE_OK;
  CurlList headers_;
  CurlList addresses_;
};

}  // namespace tidegate::internal
