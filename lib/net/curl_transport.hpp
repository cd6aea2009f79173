// SPDX-License-Identifier: Apache-2.0
//
// CurlTransport: the Transport of production (base/ports/transport.hpp): libcurl on a shard, HTTP/1.1
// and HTTP/1.0, over TCP and TLS 1.2 or newer. Certificates are always checked. A reply's body is
// what was sent: encodings are not undone here.
//
//   const std::shared_ptr<CurlTransport> transport = curl_transport();   // of this process's shard
//
// Names are looked up by a resolver of ours (net/resolver.hpp), and libcurl gets the addresses. It
// tries them by itself: IPv6 and IPv4 side by side, the others of each family in turn.
//
// exchange() and keep() belong to the shard. Connections are shared by all who use one transport,
// between requests of the same scheme, host, port and trust.
#pragma once

#include <memory>
#include <utility>

#include "base/ports/transport.hpp"
#include "net/curl_multis.hpp"
#include "net/resolver.hpp"

namespace tidegate::internal {

class CurlTransport final : public Transport {
 public:
  explicit CurlTransport(Shard& shard, const CurlKept& kept = {}, ResolverOptions resolver = {})
      : multis_(shard, kept), resolver_(shard, std::move(resolver)) {}

  Task<TransportReply> exchange(const TransportRequest* request) override;
  void keep(std::size_t connections, std::size_t idle) noexcept override {
    multis_.keep(connections, idle);
  }
  const CurlMultis& multis() const noexcept { return multis_; }
  const Resolver& resolver() const noexcept { return resolver_; }

 private:
  CurlMultis multis_;
  Resolver resolver_;
};

// The transport of this process. Any thread.
std::shared_ptr<CurlTransport> curl_transport();

}  // namespace tidegate::internal
