// SPDX-License-Identifier: Apache-2.0
//
// A proxy, or a Unix socket, on a handle of libcurl, and what its failures mean.
//
// http:// goes through a proxy as it is, https:// by CONNECT, and either over SOCKS by its own
// greeting. libcurl keeps connections apart by the name and port of their proxy, but not by its user.
// So a proxy has the name of its identity there, which is looked up by nobody; but for one that
// speaks TLS, whose certificate bears its name: see net/curl_multis.hpp.
#pragma once

#include <curl/curl.h>

#include <string>

#include "net/curl_error.hpp"
#include "net/curl_options.hpp"

namespace tidegate::internal {

std::string curl_name(const TransportRoute& route);

void set_route(CurlOptions& options, const TransportRequest& request);

// What came of a transfer that was not sent, where the proxy has a part in it.
struct RouteFailure {
  Status status;               // OK: it has none, the server behind it is at fault
  bool is_the_proxys = false;  // and not that of what is behind it
};
RouteFailure route_failure(CURL* easy, const TransportRequest& request, const std::string& what,
                           const CurlFailure& failure);

// The answer of a proxy that wants another user, to a request that it saw itself.
bool refuses_user(const TransportRequest& request, int http_status) noexcept;
Status user_refused(const std::string& what, const TransportRoute& route);

}  // namespace tidegate::internal
