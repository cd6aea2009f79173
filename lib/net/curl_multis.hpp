// SPDX-License-Identifier: Apache-2.0
//
// CurlMultis: the CurlMulti of each request. One serves nearly all. libcurl lets a transfer have any
// connection, and any TLS session, of the same multi that looks alike to it, and it does not look at
// everything: not at the key of a client's certificate, not at the user of a proxy that speaks TLS.
// And a multi keeps one file of trusted certificates parsed, which else takes 21 ms for a connection.
// So each such identity has a multi of its own.
//
// At most kMost of them are kept; beyond, the one that was unused for longest goes with its
// connections, unless a transfer has it. They share the first one's bound on what is buffered.
//
// On the shard's thread only.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/ports/transport.hpp"
#include "net/curl_multi.hpp"

namespace tidegate::internal {

class CurlMultis {
 public:
  static constexpr std::size_t kMost = 32;

  CurlMultis(Shard& shard, const CurlKept& kept) noexcept : shared_(shard, kept) {}

  // To be used at once: the next call may end it where no transfer has it.
  CurlMulti& of(const TransportRequest& request);

  // At least so many connections may stay, in each.
  void keep(std::size_t connections, std::size_t idle) noexcept;

  std::size_t connections() const noexcept;
  std::size_t transfers() const noexcept;
  std::size_t buffered() const noexcept { return shared_.buffered(); }
  std::size_t size() const noexcept { return own_.size(); }

 private:
  struct Own {
    std::string identity;
    std::unique_ptr<CurlMulti> multi;
  };

  void make_room();

  CurlMulti shared_;
  std::vector<Own> own_;  // the one that was used last is the last
};

}  // namespace tidegate::internal
