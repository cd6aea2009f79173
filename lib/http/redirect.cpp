// SPDX-License-Identifier: Apache-2.0
#include "http/redirect.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "base/text.hpp"

namespace tidegate::internal {

namespace {

constexpr std::string_view kOfTheBody[] = {
    "Content-Type",     "Content-Encoding",    "Content-Language",
    "Content-Location", "Content-Disposition", "Content-MD5",
    "Content-Digest",   "Repr-Digest",         "Digest",
    "Last-Modified"};
constexpr std::string_view kMayCross[] = {"Accept",          "Accept-Charset", "Accept-Encoding",
                                          "Accept-Language", "Cache-Control",  "Pragma",
                                          "Range",           "User-Agent"};

template <std::size_t N>
bool is_one_of(std::string_view name, const std::string_view (&names)[N]) noexcept {
  return std::any_of(std::begin(names), std::end(names),
                     [&](std::string_view each) { return same_ignoring_case(name, each); });
}

Headers kept(const Headers& headers, bool crosses, bool keeps_body) {
  Headers kept;
  for (const Headers::Field& field : headers) {
    const bool of_body = is_one_of(field.name, kOfTheBody);
    if (of_body ? !keeps_body : crosses && !is_one_of(field.name, kMayCross)) continue;
    kept.add(field.name, field.value);
  }
  return kept;
}

bool becomes_get(int status, std::string_view method) noexcept {
  if (status == 303) return method != "HEAD";
  return (status == 301 || status == 302) && method == "POST";
}

bool is_secure(const HttpUrl& url) noexcept { return url.url.starts_with("https:"); }

Status refused(const HttpPlan& plan, std::string_view why) {
  return Status(Cause::kRedirect,
                plan.wire.method + " " + plan.wire.shown + ": " + std::string(why));
}

}  // namespace

Status follow(HttpPlan& plan, const TransportReply& reply) {
  if (plan.redirects >= plan.most_redirects) {
    return refused(plan, "more than " + std::to_string(plan.most_redirects) + " redirects");
  }
  auto next = HttpUrl::resolve(plan.place, *reply.headers.find("Location"));
  if (!next.ok()) return refused(plan, "it leads nowhere: " + std::string(next.status().message()));
  if (is_secure(plan.place) && !is_secure(*next)) {
    return refused(plan, "it leads from https to http, to " + next->shown);
  }

  TransportRequest& wire = plan.wire;
  const bool changes = becomes_get(reply.http_status, wire.method);
  if (wire.upload && !changes && !wire.upload->can_rewind()) {
    return refused(plan, "it wants the body again, which was streamed and is gone");
  }
  wire.headers = kept(wire.headers, next->origin != plan.place.origin, !changes);
  if (changes) {
    wire.method = "GET";
    wire.body.reset();
    if (wire.upload) std::exchange(wire.upload, nullptr)->over();
  }
  const bool leaves_the_public = plan.ssrf == Ssrf::kRedirects && reply.from_public;
  wire.public_only = wire.public_only || leaves_the_public;
  plan.place = std::move(*next);
  wire.url = plan.place.url;
  wire.shown = plan.place.shown;
  if (plan.environment) wire.route = plan.environment->route_to(plan.place);
  plan.settle_repeats();
  ++plan.redirects;
  return {};
}

}  // namespace tidegate::internal
