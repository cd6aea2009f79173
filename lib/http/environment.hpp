// SPDX-License-Identifier: Apache-2.0
//
// HttpEnvironment: the proxies that the environment names, for a client that trusts it.
//
//   http_proxy                       of http: URLs; in small letters alone, because a CGI program has
//                                    the field Proxy of whoever asks it as HTTP_PROXY
//   https_proxy, HTTPS_PROXY         of https: URLs
//   all_proxy, ALL_PROXY             of both, where the above is not there
//   no_proxy, NO_PROXY               hosts that are gone to without one, with commas between them:
//                                    a name and all names below it, an address, a range
//                                    (10.0.0.0/8), each perhaps with a port, or "*"
//
// A value without a scheme is an http: proxy. Read once, when the client is made. Immutable.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/ports/transport.hpp"
#include "net/curl_url.hpp"

namespace tidegate::internal {

class HttpEnvironment {
 public:
  // The value of a variable, or null.
  using LookUp = std::function<const char*(const char* name)>;

  // kConfig where a variable names no proxy; the message does not show its value.
  static Result<std::shared_ptr<const HttpEnvironment>> read(const LookUp& look_up);

  // Null: none.
  std::shared_ptr<const TransportRoute> route_to(const HttpUrl& place) const;

 private:
  struct Exception {
    std::string host;  // in lower case, without a dot before it
    std::string port;  // empty: any
    int bits = -1;     // of a range
  };

  static Exception exception_of(std::string text);
  bool is_excepted(const HttpUrl& place) const;

  std::shared_ptr<const TransportRoute> http_;
  std::shared_ptr<const TransportRoute> https_;
  std::vector<Exception> exceptions_;
};

}  // namespace tidegate::internal
