// SPDX-License-Identifier: Apache-2.0
#include "http/plan.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "base/seed.hpp"
#include "gate/gate_home.hpp"
#include "http/auth.hpp"
#include "http/body_feed.hpp"
#include "http/rules.hpp"
#include "net/proxy_url.hpp"
#include "net/unix_route.hpp"
#include "tidegate/version.hpp"

namespace tidegate::internal {

namespace {

constexpr const char* kKeyField = "Idempotency-Key";
constexpr std::size_t kMaxHead = std::size_t{64} << 10;
constexpr const char* kCodings = "gzip, deflate, br, zstd";

// Beyond a day a time is no bound, and would not fit the clock.
Duration bounded(Duration time) noexcept {
  return std::clamp<Duration>(time, Duration::zero(), std::chrono::hours(24));
}

bool is_idempotent(const TransportRequest& wire) noexcept {
  if (wire.headers.contains(kKeyField)) return true;
  constexpr std::string_view kMethods[] = {"GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"};
  return std::find(std::begin(kMethods), std::end(kMethods), wire.method) != std::end(kMethods);
}

// A server may refuse a POST that does not say how long it is.
bool always_has_body(std::string_view method) noexcept {
  return method == "POST" || method == "PUT" || method == "PATCH";
}

// Who names the codings decodes them, and a part of an encoded body means nothing by itself.
bool is_to_be_decoded(const Request::Values& request, const ClientOptions::Values& options) {
  return request.decode.value_or(options.decode) && !request.headers.contains("Accept-Encoding") &&
         !request.headers.contains("Range");
}

void add_if_missing(Headers& headers, const char* name, std::string value) {
  if (!headers.contains(name)) headers.add(name, std::move(value));
}

// What was added by hand stays.
Status authorize(const HttpAuth& auth, Headers& headers) {
  if (auth.kind == HttpAuth::Kind::kNone) return {};
  auto value = authorization(auth);
  if (!value.ok()) return value.status();
  add_if_missing(headers, "Authorization", std::move(value).value());
  return {};
}

// 128 random bits, as a UUID of version 4 (RFC 9562).
std::string fresh_key() {
  const std::uint64_t high = (fresh_seed() & ~std::uint64_t{0xF000}) | 0x4000;
  const std::uint64_t low = (fresh_seed() >> 2) | (std::uint64_t{1} << 63);
  std::array<char, 37> text{};
  (void)std::snprintf(text.data(), text.size(), "%08x-%04x-%04x-%04x-%012llx",
                      static_cast<unsigned>(high >> 32), static_cast<unsigned>(high >> 16) & 0xFFFF,
                      static_cast<unsigned>(high) & 0xFFFF, static_cast<unsigned>(low >> 48),
                      static_cast<unsigned long long>(low & 0xFFFFFFFFFFFF));
  return text.data();
}

std::shared_ptr<const RetryPolicy::Values> retry_of(const Request::Values& request,
                                                    const HttpDefaults& defaults) {
  const auto& policy = request.retry ? request.retry : defaults.retry;
  if (!request.attempts) return policy;
  auto changed = std::make_shared<RetryPolicy::Values>(*policy);
  changed->attempts = std::clamp(*request.attempts, 1, 100);
  return changed;
}

std::shared_ptr<const TransportTrust> trust_of(const ClientOptions::Values& options) {
  auto trust = std::make_shared<TransportTrust>();
  trust->ca_file = options.ca_file;
  const char* const named = options.trust_env ? std::getenv("SSL_CERT_FILE") : nullptr;
  if (named && trust->ca_file.empty()) trust->ca_file = named;
  trust->cert_file = options.cert_file;
  trust->key_file = options.key_file;
  trust->key_password = options.key_password;
  trust->only_tls_1_3 = options.min_tls == TlsVersion::kTls13;
  trust->identify();
  return trust;
}

Result<HttpRoute> socket_of(const ClientOptions::Values& options) {
  if (options.unix_socket.empty()) return HttpRoute();
  return unix_route(options.unix_socket);
}

// What is said in code or settings counts before it.
Result<std::shared_ptr<const HttpEnvironment>> environment_of(
    const ClientOptions::Values& options) {
  if (!options.trust_env || !options.proxies.empty() || !options.unix_socket.empty()) {
    return std::shared_ptr<const HttpEnvironment>();
  }
  return HttpEnvironment::read([](const char* name) { return std::getenv(name); });
}

// The client's proxies are for each attempt to take.
Result<HttpRoute> route_of(const Request::Values& request, const HttpDefaults& defaults) {
  if (request.proxy.value_or("").empty()) return defaults.socket;
  return proxy_route(*request.proxy);
}

}  // namespace

void HttpPlan::settle_repeats() noexcept {
  const bool is_gone = wire.upload && !wire.upload->can_rewind();
  may_be_repeated = !is_gone && idempotent.value_or(retry->every_method || is_idempotent(wire));
  wire.most_sends = may_be_repeated && !wire.upload ? 2 : 1;
}

const std::string& HttpPlan::lane() {
  if (!wire.route) return place.origin;
  lane_ = lane_of(place, wire.route.get());
  return lane_;
}

std::string HttpPlan::lane_of(const HttpUrl& place, const TransportRoute* route) {
  return route ? place.origin + " via " + route->identity : place.origin;
}

HttpDefaults::HttpDefaults(const ClientOptions::Values& values)
    : options(values),
      trust(trust_of(values)),
      routes(routes_to(values.proxies)),
      socket(socket_of(values)),
      environment(environment_of(values)),
      retry(std::make_shared<const RetryPolicy::Values>(values.retry.values())),
      tells(values.deadline_header.empty() ? nullptr
                                           : std::make_shared<const DeadlineField>(DeadlineField{
                                                 values.deadline_header, values.deadline_hosts})) {}

Result<HttpPlan> make_plan(const Request::Values& request, const HttpDefaults& defaults) {
  const ClientOptions::Values& options = defaults.options;
  Status status = request.refused;
  if (status.ok()) status = check_method(request.method);
  if (status.ok()) status = check_fields(request.headers);
  if (status.ok() && request.method == "HEAD" && request.body) {
    status = Status(Cause::kBadArgument, "a HEAD has no body");
  }
  if (status.ok() && request.upload && (request.body || request.method == "HEAD")) {
    status = Status(Cause::kBadArgument, "there is a body that is streamed, and may be none");
  }
  if (status.ok() && request.idempotency_key) {
    status = check_value(kKeyField, *request.idempotency_key);
  }
  if (!status.ok()) return status;
  auto url = HttpUrl::parse(request.url);
  if (!url.ok()) return url.status();

  auto route = route_of(request, defaults);
  if (!route.ok()) return route.status();

  HttpPlan plan;
  plan.place = std::move(*url);
  plan.pool_timeout = bounded(request.pool_timeout.value_or(options.pool_timeout));
  plan.timeout = bounded(request.timeout.value_or(options.timeout));
  plan.deadline = request.deadline;
  TransportRequest& wire = plan.wire;
  wire.method = request.method;
  wire.url = plan.place.url;
  wire.shown = plan.place.shown;
  wire.headers = request.headers;
  const std::string& agent = options.user_agent;
  add_if_missing(wire.headers, "User-Agent",
                 agent.empty() ? "tidegate/" + std::string(version()) : agent);
  add_if_missing(wire.headers, "Accept", "*/*");
  status = authorize(request.auth.value_or(options.auth), wire.headers);
  if (!status.ok()) return status;
  if (request.idempotency_key) {
    const std::string& key = *request.idempotency_key;
    add_if_missing(wire.headers, kKeyField, key.empty() ? fresh_key() : key);
  }
  wire.max_body = request.max_body.value_or(options.max_body);
  if (is_to_be_decoded(request, options)) plan.decodes_to = wire.max_body;
  add_if_missing(wire.headers, "Accept-Encoding", plan.decodes_to ? kCodings : "identity");
  wire.body = request.body;
  if (request.upload) wire.upload = request.upload->feed();
  if (!wire.upload && !wire.body && always_has_body(request.method)) wire.body = Bytes();
  wire.trust = defaults.trust;
  wire.route = std::move(*route);
  if (!request.proxy && *defaults.environment) {
    plan.environment = *defaults.environment;
    wire.route = plan.environment->route_to(plan.place);
  }
  plan.rotates = !request.proxy && !options.proxies.empty();
  wire.dns = {
      .threads = options.dns_threads, .ttl = options.dns_ttl, .stale_for = options.dns_stale_for};
  plan.retry = retry_of(request, defaults);
  plan.idempotent = request.idempotent;
  plan.settle_repeats();
  const std::optional<Gate>& gate = request.gate ? request.gate : options.gate;
  if (gate) {
    Status works = gate->status();
    if (!works.ok()) return works;
    plan.gate = gate->handle()->here();
  }
  plan.hedges = request.hedge.value_or(options.hedge);
  plan.hedge_delay = bounded(request.hedge_delay.value_or(options.hedge_delay));
  plan.most_redirects = request.max_redirects.value_or(options.max_redirects);
  plan.ssrf = options.ssrf;
  plan.keeps_cookies = options.cookies && !request.headers.contains("Cookie");
  if (defaults.tells && !request.headers.contains(defaults.tells->name)) {
    plan.tells = defaults.tells;
  }
  wire.follows = plan.most_redirects > 0;
  wire.public_only = plan.ssrf == Ssrf::kAll;
  wire.connect_timeout = bounded(request.connect_timeout.value_or(options.connect_timeout));
  wire.attempt_timeout = bounded(request.attempt_timeout.value_or(options.attempt_timeout));
  wire.read_timeout = bounded(request.read_timeout.value_or(options.read_timeout));
  wire.max_head = kMaxHead;
  return plan;
}

}  // namespace tidegate::internal
