// SPDX-License-Identifier: Apache-2.0
#include "net/curl_transport.hpp"

#include <algorithm>
#include <string>
#include <string_view>

#include "base/per_process.hpp"
#include "base/text.hpp"
#include "net/address_reach.hpp"
#include "net/curl_route.hpp"
#include "net/curl_transfer.hpp"
#include "net/runtime.hpp"

namespace tidegate::internal {

namespace {

struct Place {
  std::string host;  // in lower case; an IPv6 address with its brackets
  std::string port;
};

// Of a URL that HttpUrl has read (net/curl_url.hpp).
Place place_of(std::string_view url) {
  const std::size_t scheme = url.find("://");
  std::string_view authority = url.substr(scheme == std::string_view::npos ? 0 : scheme + 3);
  authority = authority.substr(0, authority.find_first_of("/?#"));
  const std::size_t colon = authority.rfind(':');
  const bool has_port = colon != std::string_view::npos && authority.back() != ']';
  Place place;
  place.host = lower_case(std::string(authority.substr(0, has_port ? colon : authority.size())));
  place.port = has_port ? authority.substr(colon + 1) : (url.starts_with("https") ? "443" : "80");
  return place;
}

std::string_view without_brackets(std::string_view host) noexcept {
  return host.starts_with('[') ? host.substr(1, host.size() - 2) : host;
}

// Nothing is to be looked up for a socket.
Place place_of(const TransportRoute& route) {
  return route.is_proxy() ? Place{route.host, route.port} : Place();
}

// Of a host that is not looked up.
std::vector<std::string> known_addresses(const std::string& host) {
  if (host.empty()) return {};
  if (host.ends_with("localhost")) return {"127.0.0.1", "::1"};
  return {std::string(without_brackets(host))};
}

std::string resolved(const std::string& name, const std::string& port,
                     const std::vector<std::string>& addresses) {
  if (addresses.empty()) return {};
  std::string text = name + ":" + port + ":";
  for (const std::string& address : addresses) {
    if (text.back() != ':') text += ',';
    text += address.find(':') == std::string::npos ? address : "[" + address + "]";
  }
  return text;
}

Status unreached(const TransportRequest& request, const Status& why) {
  const std::string what = request.method + " " + request.shown + ": ";
  if (!request.route) return Status(why.cause(), what + std::string(why.message()));
  const Cause cause = why.cause() == Cause::kDns ? Cause::kProxy : why.cause();
  return Status(cause, what + "the proxy: " + std::string(why.message()));
}

TransportReply blocked(const TransportRequest& request) {
  TransportReply reply;
  reply.status = Status(Cause::kBlockedAddress,
                        request.method + " " + request.shown +
                            ": its address is not public, and only those may be connected to");
  return reply;
}

TransportReply not_found(const TransportRequest& request, const Status& why, bool is_late,
                         Duration spent) {
  TransportReply reply;
  reply.timings.dns = reply.timings.total = spent;
  reply.proxy_failed = request.route != nullptr;
  reply.status = is_late ? CurlTransfer::late_to_connect(request) : unreached(request, why);
  return reply;
}

}  // namespace

Task<TransportReply> CurlTransport::exchange(const TransportRequest* request) {
  Scope& scope = co_await this_scope();
  const Loop& loop = scope.loop();
  CurlStart start;
  start.begun = loop.now();
  const TransportRoute* const route = request->route.get();
  Place place = place_of(request->url);
  if (route) {
    // Who gave a client its socket knows where it leads.
    start.is_public = !route->is_proxy() || may_be_public(place.host);
    if (request->public_only && !start.is_public) co_return blocked(*request);
    place = place_of(*route);
  }
  const std::string name = route ? curl_name(*route) : place.host;
  if (needs_no_lookup(place.host)) {
    if (route) start.addresses = resolved(name, place.port, known_addresses(place.host));
  } else {
    const Duration time = std::min(request->connect_timeout, request->attempt_timeout);
    const Deadline until = Deadline::after(time, start.begun);
    auto resolving = resolver_.resolve(&place.host, request->dns);
    const auto found = co_await with_deadline(until, std::move(resolving));
    start.dns = loop.now() - start.begun;
    if (!found.ok()) {
      const bool is_late = scope.ok() && found.status().cause() == Cause::kDeadline;
      co_return not_found(*request, found.status(), is_late, start.dns);
    }
    start.addresses = resolved(name, place.port, **found);
  }
  CurlTransfer transfer(multis_.of(*request), *request, std::move(start));
  const Cause woken = co_await transfer;
  co_return transfer.take_reply(woken);
}

std::shared_ptr<CurlTransport> curl_transport() {
  static auto* const home = new PerProcess<CurlTransport>;
  return home->get([] {
    (void)CurlMulti::set_up();  // where it fails, the first transfer says so
    // Who uses it says what to keep.
    auto transport = std::make_shared<CurlTransport>(Runtime::current().shard(),
                                                     CurlKept{.connections = 1, .idle = 0});
    Runtime::current().enroll(transport->resolver().workers());
    return transport;
  });
}

}  // namespace tidegate::internal
