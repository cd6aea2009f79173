// SPDX-License-Identifier: Apache-2.0
#include "net/curl_transport.hpp"

#include <algorithm>
#include <string>
#include <string_view>

#include "base/per_process.hpp"
#include "base/text.hpp"
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

std::string resolved(const Place& place, const std::vector<std::string>& addresses) {
  std::string text = place.host + ":" + place.port + ":";
  for (const std::string& address : addresses) {
    if (text.back() != ':') text += ',';
    text += address.find(':') == std::string::npos ? address : "[" + address + "]";
  }
  return text;
}

TransportReply not_found(const TransportRequest& request, const Status& why, bool is_late,
                         Duration spent) {
  TransportReply reply;
  reply.timings.dns = reply.timings.total = spent;
  reply.status = is_late ? CurlTransfer::late_to_connect(request)
                         : Status(why.cause(), request.method + " " + request.shown + ": " +
                                                   std::string(why.message()));
  return reply;
}

}  // namespace

Task<TransportReply> CurlTransport::exchange(const TransportRequest* request) {
  Scope& scope = co_await this_scope();
  const Loop& loop = scope.loop();
  CurlStart start;
  start.begun = loop.now();
  const Place place = place_of(request->url);
  if (!needs_no_lookup(place.host)) {
    const Duration time = std::min(request->connect_timeout, request->attempt_timeout);
    const Deadline until = Deadline::after(time, start.begun);
    auto resolving = resolver_.resolve(&place.host, request->dns);
    const auto found = co_await with_deadline(until, std::move(resolving));
    start.dns = loop.now() - start.begun;
    if (!found.ok()) {
      const bool is_late = scope.ok() && found.status().cause() == Cause::kDeadline;
      co_return not_found(*request, found.status(), is_late, start.dns);
    }
    start.addresses = resolved(place, **found);
  }
  CurlTransfer transfer(multi_, *request, std::move(start));
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
