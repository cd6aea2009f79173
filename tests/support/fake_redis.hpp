// SPDX-License-Identifier: Apache-2.0
//
// FakeRedis: a scripted server (loopback_server.hpp). It answers as a Redis would that knows every
// key (GET of k gives value_of(k)), except where the script says something else:
//
//   FakeRedis fake([](FakeRedis::Peer& peer, const FakeRedis::Command& command) {
//     if (command[0] != "GET") return false;          // answered as usual
//     peer.send("-MOVED 1 127.0.0.1:7000\r\n");
//     return true;
//   });
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "support/loopback_server.hpp"

namespace tidegate::test {

class FakeRedis {
 public:
  using Command = std::vector<std::string>;

  // One connection. Of the server's thread only.
  class Peer final : public LoopbackPeer {
   public:
    using LoopbackPeer::LoopbackPeer;
    // Answers a command as usual.
    void answer(const Command& command);

   private:
    friend class FakeRedis;
    bool subscribed_ = false;
  };

  // True where it has answered, or will not.
  using Script = std::function<bool(Peer&, const Command&)>;
  // False where the connection is to be closed.
  using OnConnect = std::function<bool(Peer&)>;

  explicit FakeRedis(Script script = nullptr, const OnConnect& on_connect = nullptr);

  std::uint16_t port() const noexcept { return server_.port(); }
  std::string url() const { return "redis://127.0.0.1:" + std::to_string(port()); }

  // Runs `work` for each connection that is open, and waits for it.
  void with_peers(const std::function<void(Peer&)>& work);

  // The server's view; any thread.
  int accepted() const noexcept { return server_.accepted(); }
  int open() const noexcept { return server_.open(); }
  int most_open() const noexcept { return server_.most_open(); }
  void forget_most_open() { server_.forget_most_open(); }
  int count(const std::string& command) const;
  int reads() const noexcept { return server_.reads(); }

  static std::string value_of(std::string_view key) { return "value of " + std::string(key); }
  static std::string bulk(std::string_view text);

 private:
  void heard(Peer& peer);

  const Script script_;
  mutable std::mutex mutex_;
  std::map<std::string, int> counts_;  // guarded by mutex_
  LoopbackServer server_;              // below what its thread uses
};

}  // namespace tidegate::test
