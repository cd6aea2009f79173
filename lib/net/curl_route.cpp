// SPDX-License-Identifier: Apache-2.0
#include "net/curl_route.hpp"

#include <cstring>
#include <string_view>

#include "base/text.hpp"

namespace tidegate::internal {

namespace {

using Kind = TransportRoute::Kind;

constexpr int kUserRefused = 407;

const char* scheme_of(Kind kind) noexcept {
  if (kind == Kind::kSocks5) return "socks5h://";
  return kind == Kind::kHttps ? "https://" : "http://";
}

bool is_forwarded(const TransportRequest& request) noexcept {
  const Kind kind = request.route->kind;
  return (kind == Kind::kHttp || kind == Kind::kHttps) && request.url.starts_with("http:");
}

long number_of(CURL* easy, CURLINFO info) noexcept {
  long number = 0;
  (void)::curl_easy_getinfo(easy, info, &number);
  return number;
}

bool is_tls(CURLcode code) noexcept {
  return code == CURLE_SSL_CONNECT_ERROR || code == CURLE_PEER_FAILED_VERIFICATION ||
         code == CURLE_SSL_CIPHER;
}

bool is_refused_user(long error) noexcept {
  return error == CURLPX_NO_AUTH || error == CURLPX_USER_REJECTED || error == CURLPX_REQUEST_FAILED;
}

// The proxy is well and says that the server cannot be reached.
bool speaks_of_the_server(long error) noexcept {
  return error == CURLPX_REPLY_CONNECTION_REFUSED || error == CURLPX_REPLY_HOST_UNREACHABLE ||
         error == CURLPX_REPLY_NETWORK_UNREACHABLE || error == CURLPX_REPLY_TTL_EXPIRED ||
         error == CURLPX_REPLY_NOT_ALLOWED || error == CURLPX_REPLY_GENERAL_SERVER_FAILURE;
}

const char* words_of(long error) noexcept {
  switch (error) {
    case CURLPX_REPLY_CONNECTION_REFUSED: return "the server took no connection";
    case CURLPX_REPLY_HOST_UNREACHABLE: return "the host cannot be reached";
    case CURLPX_REPLY_NETWORK_UNREACHABLE: return "the network cannot be reached";
    case CURLPX_REPLY_TTL_EXPIRED: return "the time to live is over";
    case CURLPX_REPLY_NOT_ALLOWED: return "it is not allowed";
    case CURLPX_REPLY_GENERAL_SERVER_FAILURE: return "it failed";
    default: return "it speaks no SOCKS that is understood";
  }
}

Status failed(Cause cause, const std::string& what, const TransportRoute& route,
              const std::string& why) {
  return Status(cause, what + ": the proxy " + route.shown + ": " + why);
}

RouteFailure socket_failure(const CurlFailure& failure, const std::string& what,
                            const TransportRoute& route) {
  if (failure.code != CURLE_COULDNT_CONNECT) return {};
  const std::string why = failure.error != 0 ? std::strerror(failure.error) : "no connection";
  return {Status(Cause::kConnect, what + ": the socket " + route.shown + ": " + why), false};
}

RouteFailure socks_failure(CURL* easy, const std::string& what, const TransportRoute& route) {
  const long error = number_of(easy, CURLINFO_PROXY_ERROR);
  if (is_refused_user(error)) return {user_refused(what, route), true};
  return {failed(Cause::kProxy, what, route, words_of(error)), !speaks_of_the_server(error)};
}

RouteFailure connect_failure(long status, const std::string& what, const TransportRoute& route) {
  if (status == kUserRefused) return {user_refused(what, route), true};
  const std::string why = "it answered " + std::to_string(status) + " to CONNECT";
  return {failed(Cause::kProxy, what, route, why), false};
}

}  // namespace

std::string curl_name(const TransportRoute& route) {
  return route.kind == Kind::kHttps ? route.host : route.identity + ".proxy";
}

void set_route(CurlOptions& options, const TransportRequest& request) {
  const TransportRoute& route = *request.route;
  if (!route.is_proxy()) return options.set(CURLOPT_UNIX_SOCKET_PATH, route.host.c_str());
  const std::string url = scheme_of(route.kind) + curl_name(route) + ":" + route.port;
  options.set(CURLOPT_PROXY, url.c_str());
  options.set(CURLOPT_NOPROXY, "");
  options.set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  options.set(CURLOPT_HEADEROPT, static_cast<long>(CURLHEADER_SEPARATE));
  options.set(CURLOPT_PROXYAUTH, static_cast<long>(CURLAUTH_BASIC));
  options.set(CURLOPT_SOCKS5_AUTH, static_cast<long>(CURLAUTH_BASIC));
  if (!route.user.empty()) {
    options.set(CURLOPT_PROXYUSERNAME, route.user.c_str());
    options.set(CURLOPT_PROXYPASSWORD, route.password.c_str());
  }
  if (route.kind != Kind::kHttps) return;
  options.set(CURLOPT_PROXY_SSLVERSION, tls_version_of(request));
  options.set(CURLOPT_PROXY_SSL_VERIFYPEER, 1L);
  options.set(CURLOPT_PROXY_SSL_VERIFYHOST, 2L);
  options.set(CURLOPT_PROXY_CAPATH, static_cast<char*>(nullptr));
  options.set(CURLOPT_PROXY_CAINFO, ca_file_of(request));
}

RouteFailure route_failure(CURL* easy, const TransportRequest& request, const std::string& what,
                           const CurlFailure& failure) {
  const TransportRoute& route = *request.route;
  if (failure.local_error != 0 || failure.code == CURLE_OUT_OF_MEMORY) return {};
  if (failure.code == CURLE_SSL_CERTPROBLEM || failure.code == CURLE_SSL_CACERT_BADFILE) return {};
  if (!route.is_proxy()) return socket_failure(failure, what, route);
  if (failure.code == CURLE_PROXY) return socks_failure(easy, what, route);
  const long status = number_of(easy, CURLINFO_HTTP_CONNECTCODE);
  if (status != 0 && status / 100 != 2) return connect_failure(status, what, route);
  if (status != 0) return {};
  if (route.kind == Kind::kSocks5 && is_tls(failure.code)) return {};
  const bool has_words = failure.code == CURLE_COULDNT_CONNECT && failure.error != 0;
  const std::string why =
      has_words ? std::strerror(failure.error) : ::curl_easy_strerror(failure.code);
  return {failed(Cause::kProxy, what, route, why), true};
}

bool refuses_user(const TransportRequest& request, int http_status) noexcept {
  return http_status == kUserRefused && request.route && is_forwarded(request);
}

Status user_refused(const std::string& what, const TransportRoute& route) {
  return failed(Cause::kProxyAuth, what, route,
                route.user.empty() ? "it wants a user" : "it takes neither this user nor password");
}

}  // namespace tidegate::internal
