// SPDX-License-Identifier: Apache-2.0
//
// ProxyServer: a proxy on a port of the loopback, which remembers what it was asked for. Whatever name
// it is asked to connect to, it connects to the loopback. What is to be forwarded it answers itself,
// with the head of the request as the body.
//
//   ProxyServer proxy({.socks = true, .wants = "me:secret"});
//   proxy.url("me:secret")                       // "socks5h://me:secret@127.0.0.1:40000"
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "support/loopback_port.hpp"

namespace tidegate::test {

struct ProxyRules {
  bool socks = false;
  std::string wants = {};   // "user:password"; empty: anybody may
  std::string answer = {};  // to whoever wants a tunnel, and nothing more
  bool holds = false;       // such a one, without a word, until it goes
};

class ProxyServer {
 public:
  explicit ProxyServer(ProxyRules rules = {});
  ProxyServer(const ProxyServer&) = delete;
  ProxyServer& operator=(const ProxyServer&) = delete;
  ~ProxyServer();

  std::string url(const std::string& user = {}) const;
  std::string shown() const { return "127.0.0.1:" + std::to_string(port_.number); }

  // The proxy's view; any thread.
  int accepted() const noexcept { return accepted_.load(); }
  // "host:port" of each tunnel, and the URL of each request that was forwarded.
  std::vector<std::string> asked() const;
  // Heads of HTTP, as they came.
  std::vector<std::string> heads() const;

 private:
  void accept();
  void serve(int fd);
  void serve_http(int fd);
  void serve_socks(int fd);
  bool greets(int fd) const;
  void tunnel(int fd, const std::string& target, std::uint16_t port, const std::string& opened);
  void note(std::vector<std::string>& list, std::string text);

  const ProxyRules rules_;
  const LoopbackPort port_;
  std::atomic<int> accepted_{0};
  std::atomic<bool> ends_{false};
  mutable std::mutex mutex_;
  std::vector<std::string> asked_;  // guarded by mutex_, like all below
  std::vector<std::string> heads_;
  std::vector<int> open_;
  std::vector<std::thread> serving_;
  std::thread accepting_;
};

}  // namespace tidegate::test
