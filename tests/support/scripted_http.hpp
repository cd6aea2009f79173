// SPDX-License-Identifier: Apache-2.0
//
// ScriptedHttp: a server (loopback_server.hpp) that behaves as badly as its table says, path by path,
// and remembers what it saw:
//
//   ScriptedHttp server({{"/cut", [](ScriptedHttp::Peer& peer, const ScriptedHttp::Request&) {
//                           peer.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
//                           peer.close();
//                         }}});
//   server.url("/cut")
//
// A path that the table does not know is answered with 200 and its own name. It acts when a request
// has come whole.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "support/loopback_server.hpp"

namespace tidegate::test {

class ScriptedHttp {
 public:
  struct Request {
    std::string method;
    std::string target;
    std::string head;  // as it came, with the empty line
    std::string body;
    bool has(std::string_view line) const { return head.find(line) != std::string::npos; }
  };

  // One connection. Of the server's thread only.
  class Peer final : public LoopbackPeer {
   public:
    using LoopbackPeer::LoopbackPeer;
    int requests() const noexcept { return requests_; }  // the present one included
    void answer(std::string_view body, std::string_view more_headers = {});

   private:
    friend class ScriptedHttp;
    int requests_ = 0;
  };

  using Script = std::function<void(Peer&, const Request&)>;
  using Table = std::map<std::string, Script, std::less<>>;  // by path, without its query
  // False where the connection is to be closed.
  using OnConnect = std::function<bool(Peer&)>;

  explicit ScriptedHttp(Table table = {}, const OnConnect& on_connect = nullptr);

  std::uint16_t port() const noexcept { return server_.port(); }
  std::string url(std::string_view target) const;

  // Runs `work` for each connection that is open, and waits for it.
  void with_peers(const std::function<void(Peer&)>& work);

  // The server's view; any thread.
  int accepted() const noexcept { return server_.accepted(); }
  int open() const noexcept { return server_.open(); }
  int reads() const noexcept { return server_.reads(); }
  int most_open() const noexcept { return server_.most_open(); }
  int requests() const noexcept { return requests_.load(); }
  Request last() const;

 private:
  void heard(Peer& peer);

  const Table table_;
  std::atomic<int> requests_{0};
  mutable std::mutex mutex_;
  Request last_;           // guarded by mutex_
  LoopbackServer server_;  // below what its thread uses
};

}  // namespace tidegate::test
