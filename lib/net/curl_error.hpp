// SPDX-License-Identifier: Apache-2.0
//
// What libcurl's failures mean to us. libcurl 7.88.1 names some for what they are not: a process
// without descriptors "couldn't connect", a head line that is too long is "out of memory", one
// that goes on with nothing a "bad argument", a wrong status line an "unsupported protocol". So the
// code alone is not enough.
#pragma once

#include <curl/curl.h>

#include <string>
#include <string_view>

#include "tidegate/status.hpp"

namespace tidegate::internal {

struct CurlFailure {
  CURLcode code = CURLE_OK;
  std::string_view text;  // libcurl's own words; may be empty
  int error = 0;          // the system's, of the connection; 0: unknown
  int local_error = 0;    // the system's, of what this process could not get; 0: nothing
  bool sent = false;      // the request was begun to be sent
  bool has_head = false;  // the head of the answer had come
};

// `what` is the request as a message may name it: "GET http://host/path".
Status curl_status(const std::string& what, const CurlFailure& failure);

}  // namespace tidegate::internal
