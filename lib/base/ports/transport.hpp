// SPDX-License-Identifier: Apache-2.0
//
// Transport: one HTTP exchange: a request goes out, a reply comes back. What the HTTP client
// (lib/http) speaks to; net/curl_transport.hpp implements it for production,
// tests/support/sim_transport.hpp in virtual time.
//
//   auto exchanging = transport.exchange(&request);                 // which stays until it has ended
//   const TransportReply reply = co_await std::move(exchanging);
//   if (!reply.status.ok()) …                       // reply.sends: may the server have acted on it?
//
// A transport takes a connection that it kept or opens one, sends the request, and reads the reply.
// It does nothing by itself beyond that: who may enter, whether to try again, where a redirect leads
// and what the bytes of a body mean is for those above. Requests come to it checked; it does not
// look for faults in them.
//
// Everything is on the loop. An exchange ends exactly once: with a reply, or with a cause
//
//   dns, connect, tls            there is no connection
//   proxy, proxy_auth            there is none through the proxy
//   connect_timeout, attempt_timeout, read_timeout      one of the request's own times was over
//   connection_lost              the connection ended before the reply did
//   protocol                     what came is no HTTP, or says two things at once
//   too_large                    the head or the body goes over the request's bounds
//   blocked_address              no connection was made: its address may not be connected to
//   local_resource, no_memory, config                   this process is at fault, not the server
//   deadline, cancelled, closed  the scope's: the transfer is stopped at once, without blocking,
//                                and its connection closed, or kept where the rest comes soon
//
// The reply tells as much as was known then, also of an exchange that failed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>

#include "base/ports/body_sink.hpp"
#include "base/ports/upload_source.hpp"
#include "base/task.hpp"
#include "tidegate/bytes.hpp"
#include "tidegate/deadline.hpp"
#include "tidegate/headers.hpp"
#include "tidegate/status.hpp"

namespace tidegate::internal {

// Whom to believe, and who asks. One for each client, shared by its requests.
struct TransportTrust {
  std::string ca_file = {};       // empty: the system's
  std::string cert_file = {};     // the client's own certificate, in PEM; empty: none
  std::string key_file = {};      // the key to it; empty: in the same file
  std::string key_password = {};  // empty: none
  bool only_tls_1_3 = false;
  // By which two of them are the same; empty: nothing in them is unusual.
  std::string identity = {};
  void identify();
};

// A proxy, or a Unix socket: where a connection leads in place of the request's own host. Whoever goes
// over one gets no connection of another's, nor one that goes over none.
struct TransportRoute {
  enum class Kind : std::uint8_t { kHttp, kHttps, kSocks5, kUnix };

  Kind kind = Kind::kHttp;
  std::string host;  // in lower case; an IPv6 address with its brackets; the path of a socket
  std::string port;
  std::string user;  // empty: none
  std::string password;
  std::string shown;     // "host:port" or the path, for a message
  std::string identity;  // the same where all of the above is; of a proxy 32 hexadecimal digits

  bool is_proxy() const noexcept { return kind != Kind::kUnix; }
};

// How names are looked up for a request. What is known of them all requests share.
struct TransportDns {
  std::size_t threads = 4;                        // at least so many lookups may run at once
  Duration ttl = std::chrono::seconds(60);        // how long an answer is taken for right
  Duration stale_for = std::chrono::minutes(10);  // and then still answers where there is no other
};

struct TransportRequest {
  std::string method;
  std::string url;    // absolute, http or https; what follows a '#' is not sent
  std::string shown;  // the URL as it may stand in a message
  Headers headers;    // all that is sent, but for Host and what frames the body
  std::optional<Bytes> body;
  std::shared_ptr<UploadSource> upload;  // in place of a body; it goes out once
  std::shared_ptr<const TransportTrust> trust;
  std::shared_ptr<const TransportRoute> route;  // null: to its host itself
  TransportDns dns;
  // Its place among the requests of its client. Whoever uses its connection holds it, also where the
  // request was given up meanwhile; given back on the loop. Null: nobody waits for one.
  std::shared_ptr<const void> place;

  // How often it may be sent: 2 lets it go once more, over a new connection, where a kept one proves
  // dead before a byte of the reply has come. A server may then see it twice.
  int most_sends = 1;

  // Only to addresses of the public internet: blocked_address where the host has none.
  bool public_only = false;
  // Whether a connection may be opened for it; where one would have to be, and may not, the exchange
  // ends with `wants_connection`, and nothing was sent.
  bool may_open = true;
  // An answer that leads elsewhere is wanted for its head: where its body is long, only the first of
  // it is read, and its connection closed.
  bool follows = false;

  Duration connect_timeout{};  // until a connection is there: lookup, TCP and TLS
  Duration attempt_timeout{};  // until the reply's head is there
  Duration read_timeout{};     // of silence inside the body
  std::size_t max_head = 0;    // bytes of the head, interim ones and trailers too
  std::size_t max_body = 0;    // bytes of the body

  // Takes the body as it comes; stays until the exchange has ended. Null: the body is the reply's.
  BodySink* sink = nullptr;
  std::size_t max_streamed = std::numeric_limits<std::size_t>::max();  // bytes that it may take
};

// Parts of one exchange, zero where it did not come so far.
struct TransportTimings {
  Duration dns{};
  Duration connect{};
  Duration tls{};
  Duration first_byte{};  // from the begin
  Duration total{};       // from the begin
};

struct TransportReply {
  Status status;
  int http_status = 0;
  Headers headers;
  Bytes body;
  // How often the request was begun to be sent. 0: the server has seen nothing of it.
  int sends = 0;
  int connections = 0;            // opened for it
  bool wants_connection = false;  // none was there, and it was not to open one
  bool reused = false;            // it went over a connection that was there
  bool proxy_failed = false;      // the proxy is at fault, not what is behind it
  bool from_public =
      false;  // known where `follows`: it came from an address of the public internet
  TransportTimings timings;
};

// Whether an answer says where else to ask (RFC 9110, 15.4): one that may be followed.
inline bool leads_elsewhere(int http_status, const Headers& headers) noexcept {
  const bool says_so = http_status == 301 || http_status == 302 || http_status == 303 ||
                       http_status == 307 || http_status == 308;
  return says_so && !headers.find("Location").value_or("").empty();
}

inline void TransportTrust::identify() {
  identity.clear();
  if (ca_file.empty() && cert_file.empty()) return;
  for (const std::string* part : {&ca_file, &cert_file, &key_file, &key_password}) {
    identity.append(*part).append(1, '\0');
  }
}

class Transport {
 public:
  virtual ~Transport() = default;

  virtual Task<TransportReply> exchange(const TransportRequest* request) = 0;

  // At least so many connections may be kept for later, and of those to one address so many for long.
  virtual void keep(std::size_t connections, std::size_t idle) noexcept = 0;
};

}  // namespace tidegate::internal
