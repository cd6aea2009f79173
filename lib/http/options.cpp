// SPDX-License-Identifier: Apache-2.0
// The options of clients and requests, and the configuration keys that set them.
#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include "base/config_count.hpp"
#include "tidegate/http.hpp"

namespace tidegate {

namespace {

using internal::count;

Ssrf ssrf_of(std::string_view name) noexcept {
  if (name == "off") return Ssrf::kOff;
  return name == "all" ? Ssrf::kAll : Ssrf::kRedirects;
}

Overflow overflow_of(std::string_view name) noexcept {
  if (name == "open") return Overflow::kOpen;
  return name == "fail" ? Overflow::kFail : Overflow::kWait;
}

HttpAuth basic(std::string user, std::string password) {
  return {HttpAuth::Kind::kBasic, std::move(user), std::move(password)};
}
HttpAuth bearer(std::string token) { return {HttpAuth::Kind::kBearer, {}, std::move(token)}; }

template <class Source>
void set_auth(const Source& source, ClientOptions& options) {
  std::string user = source.text("http.basic_user");
  std::string password = source.text("http.basic_password");
  std::string token = source.text("http.bearer_token");
  if (!token.empty()) {
    options.bearer_token(std::move(token));
  } else if (!user.empty() || !password.empty()) {
    options.basic_auth(std::move(user), std::move(password));
  }
}

std::vector<std::string> list_of(std::string_view text) {
  std::vector<std::string> items;
  while (!text.empty()) {
    std::string_view item = text.substr(0, text.find(','));
    text.remove_prefix(std::min(text.size(), item.size() + 1));
    while (item.starts_with(' ')) item.remove_prefix(1);
    while (item.ends_with(' ')) item.remove_suffix(1);
    if (!item.empty()) items.emplace_back(item);
  }
  return items;
}

}  // namespace

template <class Source>
ClientOptions ClientOptions::of(const Source& source) {
  ClientOptions options;
  set_auth(source, options);
  const std::string gate = source.text("http.gate");
  if (!gate.empty()) options.gate(Gate::named(source, gate));
  options.max_connections(count(source, "http.max_connections"))
      .max_connections_per_origin(count(source, "http.max_connections_per_origin"))
      .max_idle_connections(count(source, "http.max_idle_connections"))
      .connects_per_second(count(source, "http.connects_per_second"))
      .overflow(overflow_of(source.text("http.overflow")))
      .queue(count(source, "http.queue"))
      .pool_timeout(source.duration("http.pool_timeout"))
      .connect_timeout(source.duration("http.connect_timeout"))
      .attempt_timeout(source.duration("http.attempt_timeout"))
      .read_timeout(source.duration("http.read_timeout"))
      .timeout(source.duration("http.timeout"))
      .max_body(count(source, "http.max_body"))
      .decode(source.boolean("http.decode"))
      .ca_file(source.text("http.ca_file"))
      .cert_file(source.text("http.cert_file"))
      .key_file(source.text("http.key_file"))
      .key_password(source.text("http.key_password"))
      .min_tls(source.text("http.min_tls") == "1.3" ? TlsVersion::kTls13 : TlsVersion::kTls12)
      .proxies(list_of(source.text("http.proxy")))
      .proxy_session(count(source, "http.proxy_session"))
      .unix_socket(source.text("http.unix_socket"))
      .trust_env(source.boolean("http.trust_env"))
      .user_agent(source.text("http.user_agent"))
      .deadline_header(source.text("http.deadline_header"))
      .deadline_hosts(list_of(source.text("http.deadline_hosts")))
      .cookies(source.boolean("http.cookies"))
      .retry(RetryPolicy::from(source))
      .hedge(source.duration("http.hedge_delay"))
      .hedge(source.boolean("http.hedge"))
      .max_redirects(static_cast<int>(source.integer("http.max_redirects")))
      .ssrf(ssrf_of(source.text("http.ssrf")))
      .dns_threads(count(source, "http.dns_threads"))
      .dns_ttl(source.duration("http.dns_ttl"))
      .dns_stale_for(source.duration("http.dns_stale_for"));
  options.values_.nearness = {.pool_timeout = source.nearness("http.pool_timeout"),
                              .connect_timeout = source.nearness("http.connect_timeout"),
                              .attempt_timeout = source.nearness("http.attempt_timeout"),
                              .read_timeout = source.nearness("http.read_timeout"),
                              .timeout = source.nearness("http.timeout"),
                              .hedge_delay = source.nearness("http.hedge_delay")};
  return options;
}

ClientOptions& ClientOptions::name(std::string name) {
  values_.name = std::move(name);
  return *this;
}
ClientOptions& ClientOptions::max_connections(std::size_t count) {
  values_.max_connections = std::max<std::size_t>(1, count);
  return *this;
}
ClientOptions& ClientOptions::max_connections_per_origin(std::size_t count) {
  values_.max_connections_per_origin = std::max<std::size_t>(1, count);
  return *this;
}
ClientOptions& ClientOptions::max_idle_connections(std::size_t count) {
  values_.max_idle_connections = count;
  return *this;
}
ClientOptions& ClientOptions::connects_per_second(std::size_t count) {
  values_.connects_per_second = count;
  return *this;
}
ClientOptions& ClientOptions::overflow(Overflow rule) {
  values_.overflow = rule;
  return *this;
}
ClientOptions& ClientOptions::queue(std::size_t count) {
  values_.queue = count;
  return *this;
}
ClientOptions& ClientOptions::pool_timeout(Duration timeout) {
  values_.pool_timeout = timeout;
  values_.nearness.pool_timeout = kSetInCode;
  return *this;
}
ClientOptions& ClientOptions::connect_timeout(Duration timeout) {
  values_.connect_timeout = timeout;
  values_.nearness.connect_timeout = kSetInCode;
  return *this;
}
ClientOptions& ClientOptions::attempt_timeout(Duration timeout) {
  values_.attempt_timeout = timeout;
  values_.nearness.attempt_timeout = kSetInCode;
  return *this;
}
ClientOptions& ClientOptions::read_timeout(Duration timeout) {
  values_.read_timeout = timeout;
  values_.nearness.read_timeout = kSetInCode;
  return *this;
}
ClientOptions& ClientOptions::timeout(Duration timeout) {
  values_.timeout = timeout;
  values_.nearness.timeout = kSetInCode;
  return *this;
}
ClientOptions& ClientOptions::max_body(std::size_t bytes) {
  values_.max_body = bytes;
  return *this;
}
ClientOptions& ClientOptions::decode(bool decode) {
  values_.decode = decode;
  return *this;
}
ClientOptions& ClientOptions::ca_file(std::string path) {
  values_.ca_file = std::move(path);
  return *this;
}
ClientOptions& ClientOptions::cert_file(std::string path) {
  values_.cert_file = std::move(path);
  return *this;
}
ClientOptions& ClientOptions::key_file(std::string path) {
  values_.key_file = std::move(path);
  return *this;
}
ClientOptions& ClientOptions::key_password(std::string password) {
  values_.key_password = std::move(password);
  return *this;
}
ClientOptions& ClientOptions::min_tls(TlsVersion version) {
  values_.min_tls = version;
  return *this;
}
ClientOptions& ClientOptions::proxy(std::string url) {
  values_.proxies.clear();
  if (!url.empty()) values_.proxies.push_back(std::move(url));
  return *this;
}
ClientOptions& ClientOptions::proxies(std::vector<std::string> urls) {
  values_.proxies = std::move(urls);
  return *this;
}
ClientOptions& ClientOptions::proxy_session(std::size_t requests) {
  values_.proxy_session = requests;
  return *this;
}
ClientOptions& ClientOptions::unix_socket(std::string path) {
  values_.unix_socket = std::move(path);
  return *this;
}
ClientOptions& ClientOptions::trust_env(bool trust) {
  values_.trust_env = trust;
  return *this;
}
ClientOptions& ClientOptions::user_agent(std::string text) {
  values_.user_agent = std::move(text);
  return *this;
}
ClientOptions& ClientOptions::basic_auth(std::string user, std::string password) {
  values_.auth = basic(std::move(user), std::move(password));
  return *this;
}
ClientOptions& ClientOptions::bearer_token(std::string token) {
  values_.auth = bearer(std::move(token));
  return *this;
}
ClientOptions& ClientOptions::deadline_header(std::string name) {
  values_.deadline_header = std::move(name);
  return *this;
}
ClientOptions& ClientOptions::deadline_hosts(std::vector<std::string> hosts) {
  values_.deadline_hosts = std::move(hosts);
  return *this;
}
ClientOptions& ClientOptions::cookies(bool keep) {
  values_.cookies = keep;
  return *this;
}

ClientOptions& ClientOptions::retry(RetryPolicy policy) {
  values_.retry = std::move(policy);
  return *this;
}
ClientOptions& ClientOptions::hedge(bool hedge) {
  values_.hedge = hedge;
  return *this;
}
ClientOptions& ClientOptions::hedge(Duration delay) {
  values_.hedge = true;
  values_.hedge_delay = std::max(Duration::zero(), delay);
  values_.nearness.hedge_delay = kSetInCode;
  return *this;
}
ClientOptions& ClientOptions::gate(Gate gate) {
  values_.gate = std::move(gate);
  return *this;
}
ClientOptions& ClientOptions::max_redirects(int count) {
  values_.max_redirects = std::clamp(count, 0, 100);
  return *this;
}
ClientOptions& ClientOptions::ssrf(Ssrf rule) {
  values_.ssrf = rule;
  return *this;
}

ClientOptions& ClientOptions::dns_threads(std::size_t count) {
  values_.dns_threads = std::clamp<std::size_t>(count, 1, 64);
  return *this;
}
ClientOptions& ClientOptions::dns_ttl(Duration time) {
  values_.dns_ttl = time;
  return *this;
}
ClientOptions& ClientOptions::dns_stale_for(Duration time) {
  values_.dns_stale_for = time;
  return *this;
}

ClientOptions ClientOptions::from(const Config& config) { return of(config); }
ClientOptions ClientOptions::from(const Service& service) {
  ClientOptions options = of(service).name(service.name());
  if (options.values().gate) return options;
  if (std::optional<Gate> gate = Gate::of(service)) options.gate(*std::move(gate));
  return options;
}

Request::Request(std::shared_ptr<internal::ClientHome> client, std::string method, std::string url)
    : client_(std::move(client)) {
  values_.method = std::move(method);
  values_.url = std::move(url);
}
Request& Request::header(std::string name, std::string value) {
  values_.headers.add(std::move(name), std::move(value));
  return *this;
}
Request& Request::body(Bytes body) {
  values_.body = std::move(body);
  return *this;
}
Request& Request::body(Bytes body, std::string content_type) {
  values_.headers.set("Content-Type", std::move(content_type));
  return this->body(std::move(body));
}
Request& Request::body(const Multipart& form) {
  if (values_.refused.ok()) values_.refused = form.status();
  return body(form.body(), form.content_type());
}
Request& Request::body(const Upload& upload) {
  values_.upload = upload.handle();
  return *this;
}
Request& Request::json(std::string text) {
  return body(Bytes(std::move(text)), "application/json");
}
Request& Request::basic_auth(std::string user, std::string password) {
  values_.auth = basic(std::move(user), std::move(password));
  return *this;
}
Request& Request::bearer_token(std::string token) {
  values_.auth = bearer(std::move(token));
  return *this;
}
Request& Request::proxy(std::string url) {
  values_.proxy = std::move(url);
  return *this;
}
Request& Request::timeout(Duration timeout) {
  values_.timeout = timeout;
  return *this;
}
Request& Request::pool_timeout(Duration timeout) {
  values_.pool_timeout = timeout;
  return *this;
}
Request& Request::connect_timeout(Duration timeout) {
  values_.connect_timeout = timeout;
  return *this;
}
Request& Request::attempt_timeout(Duration timeout) {
  values_.attempt_timeout = timeout;
  return *this;
}
Request& Request::read_timeout(Duration timeout) {
  values_.read_timeout = timeout;
  return *this;
}
Request& Request::max_body(std::size_t bytes) {
  values_.max_body = bytes;
  return *this;
}
Request& Request::decode(bool decode) {
  values_.decode = decode;
  return *this;
}
Request& Request::deadline(Deadline deadline) {
  values_.deadline = values_.deadline.earlier(deadline);
  return *this;
}
Request& Request::idempotent(bool may_be_sent_twice) {
  values_.idempotent = may_be_sent_twice;
  return *this;
}
Request& Request::idempotency_key(std::string key) {
  values_.idempotency_key = std::move(key);
  return *this;
}
Request& Request::retry(const RetryPolicy& policy) {
  values_.retry = std::make_shared<const RetryPolicy::Values>(policy.values());
  return *this;
}
Request& Request::attempts(int count) {
  values_.attempts = count;
  return *this;
}
Request& Request::hedge(bool hedge) {
  values_.hedge = hedge;
  return *this;
}
Request& Request::hedge(Duration delay) {
  values_.hedge = true;
  values_.hedge_delay = std::max(Duration::zero(), delay);
  return *this;
}
Request& Request::gate(Gate gate) {
  values_.gate = std::move(gate);
  return *this;
}
Request& Request::max_redirects(int count) {
  values_.max_redirects = std::clamp(count, 0, 100);
  return *this;
}

}  // namespace tidegate
