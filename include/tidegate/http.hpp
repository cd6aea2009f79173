// SPDX-License-Identifier: Apache-2.0
//
// Client: HTTP requests over kept connections, each to a deadline.
//
//   tidegate::Client http;
//   auto response = http.get("https://api.example.com/cars").timeout(5s).start().wait();
//   if (!response.ok()) log(response.status().to_string());
//   else use(response->status, response->text());
//
//   auto op = http.post(url).json(text).header("X-Trace", id).start();      // never blocks
//   auto response = co_await op;
//
//   tidegate::Page page(18s);                                               // many under one deadline
//   auto first = page.add(http.get(one));
//   auto second = page.add(http.get(other));
//
// What it promises
//   * Every request ends by its deadline, `timeout` after start() at the latest: with a Response, or
//     with a Status that names its cause and has the numbers. Inside of it each step has a time of
//     its own: waiting for a connection, connecting, the head of the answer, silence in its body.
//   * Any answer is a Response, whatever its status code. At most 5 redirects are followed; no token
//     and no cookie goes with one to another origin, and none leads from https to http.
//   * At most `max_connections` requests are under way at once, `max_connections_per_origin` of them
//     to one scheme, host and port. The others wait, in the order of their coming for each origin;
//     an origin that is slow does not hold up the others. At most `queue` wait, the next is refused.
//     (`overflow` has them go out over further connections, or refused, instead of waiting.)
//   * Behind a gate (ClientOptions::gate()) an attempt starts when that lets it in; what it refuses is
//     refused at once with its cause and retry_after().
//   * Who is late gives its place back at once, and its connection is closed. Who cancels has its
//     outcome at once; an answer that is short and comes within 100 ms is read to its end all the
//     same and keeps the place until then, so that the next request has its connection.
//   * What fails is tried again, in at most 4 attempts by default and within a budget (retry.hpp);
//     where a kept connection dies under an attempt, it is sent once more within it.
//     What may not be done twice is sent once: a request that is not idempotent() fails with
//     kConnectionLost where a kept connection dies under it.
//   * A request that is no valid HTTP (a line break in a field, a URL without a host) is refused
//     with kBadArgument before anything is opened or sent. No message shows a query string.
//   * Certificates are checked, always. Nothing is taken from the environment, no proxy and no file,
//     unless trust_env() says so.
//   * A request goes through a proxy where its client or it itself says so: see ClientOptions::proxy().
//
// HTTP/1.1. Bodies are asked for in the codings gzip, deflate, br and zstd, and decoded: see
// Request::decode().
//
// Thread-safety: a Client may be used from any thread, a Request belongs to one. Cost: start() checks
// the request and hands it over, 3 to 5 us; the rest is on the library's I/O thread. Constructing a
// client opens nothing and starts nothing. Clients of one process share connections, where their
// origin and their trust are the same.
//
// After fork() a client made before works in the child, with connections of its own. Destroying a
// client with requests in flight is legal, and they go on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tidegate/bytes.hpp"
#include "tidegate/config.hpp"
#include "tidegate/deadline.hpp"
#include "tidegate/gate.hpp"
#include "tidegate/headers.hpp"
#include "tidegate/multipart.hpp"
#include "tidegate/operation.hpp"
#include "tidegate/retry.hpp"
#include "tidegate/status.hpp"
#include "tidegate/upload.hpp"

namespace tidegate {

namespace internal {
class ClientHome;
}

class ResponseStream;

// Which addresses requests may go to. A host is judged by the address that would be connected to, not
// by its name: names lie, and change.
enum class Ssrf : std::uint8_t {
  kOff,        // any
  kRedirects,  // any, but a redirect does not lead from the public internet to anywhere else
  kAll,        // only to the public internet
};

// The oldest version of TLS that is spoken.
enum class TlsVersion : std::uint8_t { kTls12, kTls13 };

// Who asks: the field Authorization. Basic (RFC 7617) has a user without a colon and a password, in
// UTF-8; Bearer (RFC 6750) a token of visible ASCII. No message and no log shows one. Like every such
// field it does not go with a redirect to another origin, nor back from there.
struct HttpAuth {
  enum class Kind : std::uint8_t { kNone, kBasic, kBearer };
  Kind kind = Kind::kNone;
  std::string user;
  std::string secret;  // the password, or the token
  bool operator==(const HttpAuth&) const = default;
};

// Where the time of a request went. Zero for what did not happen: over a kept connection there are
// no dns, connect and tls.
struct HttpTimings {
  Duration queue{};       // from start() until it was let in
  Duration dns{};         // the lookup
  Duration connect{};     // TCP
  Duration tls{};         // the handshake
  Duration first_byte{};  // from when it was let in to the first byte of the answer
  Duration total{};       // from start() to the end
};

class Response {
 public:
  Response() noexcept = default;

  int status = 0;
  std::string url;    // where it came from at last, with its '#' part
  int redirects = 0;  // that led there
  Headers headers;
  Bytes body;
  HttpTimings timings;
  // It came over a connection that was kept from an earlier request.
  bool reused = false;
  // How often a request was sent, over all attempts and redirects; and a line for each attempt, where
  // there was more than one (Status::history()).
  int attempts = 1;
  std::vector<std::string> history;
  // A second request went out beside the first, which was slow: see ClientOptions::hedge().
  bool hedged = false;

  // 200 to 299.
  bool ok() const noexcept { return status >= 200 && status <= 299; }
  std::string_view text() const noexcept { return body.view(); }
};

// What becomes of a request that finds no connection free under its client's bounds.
enum class Overflow : std::uint8_t {
  kWait,  // stands in the queue
  kOpen,  // goes out at once, over one more connection: the bounds only say how many are kept
  kFail   // is refused with kQueueFull
};

class ClientOptions {
 public:
  struct Values {
    std::string name = "http";
    std::size_t max_connections = 100;
    std::size_t max_connections_per_origin = 100;
    std::size_t max_idle_connections = 20;
    std::size_t connects_per_second = 0;
    Overflow overflow = Overflow::kWait;
    std::size_t queue = 1000;
    Duration pool_timeout = std::chrono::seconds(5);
    Duration connect_timeout = std::chrono::seconds(3);
    Duration attempt_timeout = std::chrono::seconds(5);
    Duration read_timeout = std::chrono::seconds(5);
    Duration timeout = std::chrono::seconds(15);
    std::size_t max_body = std::size_t{32} << 20;
    bool decode = true;
    std::string ca_file;
    std::string cert_file;
    std::string key_file;
    std::string key_password;
    TlsVersion min_tls = TlsVersion::kTls12;
    std::string unix_socket;
    bool trust_env = false;
    std::vector<std::string> proxies;
    std::size_t proxy_session = 1;
    std::string user_agent;
    HttpAuth auth;
    std::string deadline_header;
    std::vector<std::string> deadline_hosts;
    bool cookies = false;
    RetryPolicy retry;
    bool hedge = false;
    Duration hedge_delay{};
    std::optional<Gate> gate;
    int max_redirects = 5;
    Ssrf ssrf = Ssrf::kRedirects;
    std::size_t dns_threads = 4;
    Duration dns_ttl = std::chrono::seconds(60);
    Duration dns_stale_for = std::chrono::minutes(10);
    // Where these were set: Config::nearness(), kSetInCode; 0: they are the defaults (lint.hpp).
    struct Nearness {
      int pool_timeout = 0;
      int connect_timeout = 0;
      int attempt_timeout = 0;
      int read_timeout = 0;
      int timeout = 0;
      int hedge_delay = 0;
    } nearness;
  };

  // For stats(). Clients of one name in a process count together.
  ClientOptions& name(std::string name);
  // Requests under way at once, to all origins, and so connections.
  ClientOptions& max_connections(std::size_t count);
  ClientOptions& max_connections_per_origin(std::size_t count);
  // Idle connections to one address that stay for longer than 30 s. All clients of a process share
  // what is kept; the most that one of them asks for counts.
  ClientOptions& max_idle_connections(std::size_t count);
  // Connections that are opened in a second, evenly spaced: what comes back is not met by all
  // handshakes at once, and the others are not held up by them. 0: no bound.
  ClientOptions& connects_per_second(std::size_t count);
  // What becomes of a request that finds none of these free.
  ClientOptions& overflow(Overflow rule);
  // Requests that wait at once; the next is refused with kQueueFull.
  ClientOptions& queue(std::size_t count);
  // How long one waits for its turn; then kPoolTimeout.
  ClientOptions& pool_timeout(Duration timeout);
  // Lookup, TCP and TLS together; then kConnectTimeout.
  ClientOptions& connect_timeout(Duration timeout);
  // From its turn until the head of the answer is there; then kAttemptTimeout.
  ClientOptions& attempt_timeout(Duration timeout);
  // Of silence inside a body; then kReadTimeout.
  ClientOptions& read_timeout(Duration timeout);
  // From start() to the end, all in all; then kDeadline.
  ClientOptions& timeout(Duration timeout);
  // Bytes of the body of one answer, as it came and decoded; a longer one is kTooLarge.
  ClientOptions& max_body(std::size_t bytes);
  // See Request::decode().
  ClientOptions& decode(bool decode);
  // The certificates to trust, a file in PEM. Empty: the system's.
  ClientOptions& ca_file(std::string path);
  // The client's own certificate and those that it leads to, a file in PEM, and the file of its key;
  // empty: in the same. Whatever origin asks for a certificate gets it: give each service a client of
  // its own. Files are read for each connection.
  ClientOptions& cert_file(std::string path);
  ClientOptions& key_file(std::string path);
  // Of a key that is encrypted. No message shows it.
  ClientOptions& key_password(std::string password);
  ClientOptions& min_tls(TlsVersion version);
  // The URL of the proxy that all requests go through: "http://user:password@proxy.test:3128", or
  // https://, socks5:// and socks5h://; empty: none. It looks up the names of hosts, we look up its
  // own. http: goes through it as it is, https: by CONNECT. A connection over one proxy is used by
  // nobody who goes over another, as another user, or over none. No message shows its user.
  ClientOptions& proxy(std::string url);
  // Several, which go round. One that fails is set aside for a while, and the next attempt takes
  // another one.
  ClientOptions& proxies(std::vector<std::string> urls);
  // Requests that one of them serves before the next one does, each attempt being one: 1 uses the kept
  // connections of all; with more a session has connections of its own, also where there is one
  // proxy alone; 0 stays with one until it fails.
  ClientOptions& proxy_session(std::size_t requests);
  // The absolute path of a Unix socket that all requests go over, whatever host they name, and with
  // any ssrf(); empty: none. Not with a proxy of the client's.
  ClientOptions& unix_socket(std::string path);
  // Whether the environment is heard where nothing else is said: http_proxy, https_proxy, all_proxy and
  // no_proxy, and SSL_CERT_FILE as ca_file(). It is read when the client is made.
  ClientOptions& trust_env(bool trust);
  // Empty: "tidegate/" and its version.
  ClientOptions& user_agent(std::string text);
  // Of every request that says nothing else; the later one counts. To whatever origin a request
  // goes: give each service a client of its own.
  ClientOptions& basic_auth(std::string user, std::string password);
  ClientOptions& bearer_token(std::string token);
  // The field that tells a server how much time is left, in every attempt anew: "1500ms", or "1500"
  // where its name ends with "-ms". Only these hosts get it, without their ports; both are needed. A
  // field of this name that a request has stays as it is.
  ClientOptions& deadline_header(std::string name);
  ClientOptions& deadline_hosts(std::vector<std::string> hosts);
  // Whether cookies are kept, in this process, and sent to the host again that set them: see
  // docs/reference/http.md. A request with a field Cookie of its own has nothing to do with them.
  ClientOptions& cookies(bool keep);
  // What is tried again, and when; its budget is shared by all requests of the client.
  ClientOptions& retry(RetryPolicy policy);
  // Whether a request whose first attempt is slow is sent a second time beside it, over another
  // connection; the first good answer counts, and the other request is cancelled. Slow is what takes
  // longer than the last 95 of 100 first attempts of this client did, and 10 ms; until 50 have come
  // nothing is. With a time, what takes longer than that. Only what may be done twice, and where a
  // place is free at once; each takes an attempt of the budget of retry(). Not where a body is
  // streamed, up or down.
  ClientOptions& hedge(bool hedge);
  ClientOptions& hedge(Duration delay);
  // Each attempt goes through this gate before it takes a connection, as does what else uses the
  // gate: see docs/reference/http.md. Its line takes the place of the client's queue for an origin.
  ClientOptions& gate(Gate gate);

  // Redirects that are followed; the next is the failure kRedirect. 0: a redirect is the response.
  ClientOptions& max_redirects(int count);
  // What goes elsewhere fails with kBlockedAddress before a byte is sent.
  ClientOptions& ssrf(Ssrf rule);

  // Names that are looked up at once. All clients of a process share the threads and what is known;
  // the most that one of them asks for counts.
  ClientOptions& dns_threads(std::size_t count);
  // How long the addresses of a name are taken for right.
  ClientOptions& dns_ttl(Duration time);
  // How long they then still serve, where a lookup fails or is late.
  ClientOptions& dns_stale_for(Duration time);

  // The settings http.* and retry.*; the client of a service has its name, and its gate, which all
  // clients of the service share, where settings gate.* make one: Gate::of(). Before that counts the
  // gate of another service that http.gate names.
  static ClientOptions from(const Config& config);
  static ClientOptions from(const Service& service);

  const Values& values() const noexcept { return values_; }

 private:
  template <class Source>
  static ClientOptions of(const Source& source);

  Values values_;
};

// One request that has not started. A client makes it; start() may be called more than once.
class Request {
 public:
  struct Values {
    std::string method;
    std::string url;
    Headers headers;
    std::optional<Bytes> body;
    std::shared_ptr<internal::UploadHandle> upload;
    std::optional<HttpAuth> auth;
    std::optional<std::string> proxy;
    Deadline deadline;
    std::optional<Duration> timeout;
    std::optional<Duration> pool_timeout;
    std::optional<Duration> connect_timeout;
    std::optional<Duration> attempt_timeout;
    std::optional<Duration> read_timeout;
    std::optional<std::size_t> max_body;
    std::optional<bool> decode;
    std::optional<bool> idempotent;
    std::optional<std::string> idempotency_key;
    std::shared_ptr<const RetryPolicy::Values> retry;
    std::optional<int> attempts;
    std::optional<bool> hedge;
    std::optional<Duration> hedge_delay;
    std::optional<Gate> gate;
    std::optional<int> max_redirects;
    Status refused;  // why it cannot start, by what it was made of
  };

  Request(std::shared_ptr<internal::ClientHome> client, std::string method, std::string url);

  // Adds a field. Not Host, Content-Length, Transfer-Encoding, Connection, Expect, and others that
  // belong to the connection: start() refuses them.
  Request& header(std::string name, std::string value);
  Request& body(Bytes body);
  Request& body(Bytes body, std::string content_type);
  // A form with files, of the type multipart/form-data.
  Request& body(const Multipart& form);
  // A body that is written while it is sent; such a request starts once.
  Request& body(const Upload& upload);
  // A body of the type application/json. The text is not looked at.
  Request& json(std::string text);

  // In place of the client's, the later one counts. A field Authorization that was added by hand
  // stays.
  Request& basic_auth(std::string user, std::string password);
  Request& bearer_token(std::string token);
  // In place of the client's; empty: none.
  Request& proxy(std::string url);

  // Each in place of the client's.
  Request& timeout(Duration timeout);
  Request& pool_timeout(Duration timeout);
  Request& connect_timeout(Duration timeout);
  Request& attempt_timeout(Duration timeout);
  Request& read_timeout(Duration timeout);
  Request& max_body(std::size_t bytes);
  // Whether codings are asked for and undone. The response then has neither Content-Encoding nor
  // Content-Length, where its body was decoded. One that is cut short, is broken, or is in an
  // unknown coding or in more than two is kDecode; one that grows beyond max_body, or to more than
  // 200 times its size beyond 1 MiB, is kTooLarge. Where it is false, and where the request has a
  // field Accept-Encoding or Range, the body is handed over as it came.
  Request& decode(bool decode);
  // An absolute bound, for example a page's; the earliest counts.
  Request& deadline(Deadline deadline);

  // Whether the server may see it twice. Not set: GET, HEAD, OPTIONS, PUT, DELETE and TRACE may,
  // and what has a field Idempotency-Key.
  Request& idempotent(bool may_be_sent_twice);
  // Sends the field Idempotency-Key, the same with every attempt, by which a server knows a request
  // again. Empty: a random one is made at start(). A field that was added by hand stays.
  Request& idempotency_key(std::string key = {});

  // In place of the client's policy, but for its budget; and only how often it is tried.
  Request& retry(const RetryPolicy& policy);
  Request& attempts(int count);
  // In place of the client's.
  Request& hedge(bool hedge);
  Request& hedge(Duration delay);
  Request& gate(Gate gate);

  // In place of the client's; 0: a redirect is the response.
  Request& max_redirects(int count);

  // Never blocks, never throws but for memory: what is refused has ended.
  Operation<Response> start() const;

  // The same, and it ends with the head of the answer: the body is then read while it comes
  // (stream.hpp).
  Operation<ResponseStream> stream() const;

  const Values& values() const noexcept { return values_; }

 private:
  std::shared_ptr<internal::ClientHome> client_;
  Values values_;
};

// What a client's own proxies did in this process.
struct ProxyStats {
  std::uint64_t request_count = 0;      // attempts that took one
  std::uint64_t session_rotations = 0;  // sessions that followed another one
  std::string current_proxy;            // "host:port"; empty: it has none
  std::size_t available_proxies = 0;    // that are not set aside
};

// A reading of what a client counts.
struct ClientStats {
  std::uint64_t requests = 0;       // started
  std::uint64_t responses = 0;      // ended with a response
  std::uint64_t failures = 0;       // ended without one
  std::uint64_t opened = 0;         // connections opened for them
  std::uint64_t reused = 0;         // responses over a kept connection
  std::uint64_t resent = 0;         // requests that were sent again over a new connection
  std::uint64_t retries = 0;        // further attempts
  std::uint64_t out_of_budget = 0;  // requests that had no further one for want of budget
  std::uint64_t hedges = 0;         // second requests beside a first that was slow
  std::uint64_t hedge_wins = 0;     // of those, how many answered first
  std::size_t in_flight = 0;        // under way now
  std::size_t waiting = 0;          // for their turn, now
  ProxyStats proxies;               // of this very client
};

// How long a caller of ours waits, by its request's field of this name: "1500ms", "2s"; seconds
// without a unit, or milliseconds where the name ends with "-ms". At most `most`, which is a day at
// most, and `most` where there is no such field or it is none of this: what a caller says may make
// its time shorter, and nothing else.
//
//   tidegate::Page page(tidegate::header_timeout(headers, "X-Request-Timeout", 18s));
Duration header_timeout(const Headers& headers, std::string_view name, Duration most);
Duration header_timeout(std::string_view name, std::string_view value, Duration most);

// A handle; copies name the same client.
class Client {
 public:
  explicit Client(const ClientOptions& options = {});

  // OK, or why it cannot work: a user agent that is no field's value, a token that is none … Then
  // every request ends with it.
  Status status() const;

  Request get(std::string url) const { return request("GET", std::move(url)); }
  Request head(std::string url) const { return request("HEAD", std::move(url)); }
  Request post(std::string url) const { return request("POST", std::move(url)); }
  Request put(std::string url) const { return request("PUT", std::move(url)); }
  Request patch(std::string url) const { return request("PATCH", std::move(url)); }
  Request del(std::string url) const { return request("DELETE", std::move(url)); }
  Request options(std::string url) const { return request("OPTIONS", std::move(url)); }
  // Any method, as it is written.
  Request request(std::string method, std::string url) const {
    return Request(home_, std::move(method), std::move(url));
  }

  ClientStats stats() const;

  // The cookies that a request to this URL would send, as their field has them: not for a log.
  std::string cookies_for(std::string_view url) const;
  void clear_cookies() const;

  // Ends all requests with kClosed and refuses later ones. Does not wait.
  void close() const;

 private:
  std::shared_ptr<internal::ClientHome> home_;
};

}  // namespace tidegate
