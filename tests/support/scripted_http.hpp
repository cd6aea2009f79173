// SPDX-License-Identifier: Apache-2.0
//
// ScriptedHttp: a server on a port of the loopback, on a thread of its own, that behaves as badly as
// its table says, path by path, and remembers what it saw:
//
//   ScriptedHttp server({{"/cut", [](ScriptedHttp::Peer& peer, const ScriptedHttp::Request&) {
//                           peer.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
//                           peer.close();
//                         }}});
//   server.url("/cut")
//
// A path that the table does not know is answered with 200 and its own name. It does nothing by
// time: it acts when a request has come whole, when somebody connects, or when the test posts
// something to it.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "net/descriptor.hpp"

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
  class Peer {
   public:
    Peer(int fd, int number) : number_(number), socket_(fd) {}
    int number() const noexcept { return number_; }      // from 0, in the order of their coming
    int requests() const noexcept { return requests_; }  // the present one included
    void send(std::string_view bytes);
    // Each byte in a packet of its own.
    void send_bytewise(std::string_view bytes);
    void answer(std::string_view body, std::string_view more_headers = {});
    void close() noexcept { over_ = true; }
    // By RST and not by FIN.
    void reset() noexcept;

   private:
    friend class ScriptedHttp;
    const int number_;
    internal::Descriptor socket_;
    std::string input_;
    int requests_ = 0;
    bool over_ = false;
  };

  using Script = std::function<void(Peer&, const Request&)>;
  using Table = std::map<std::string, Script, std::less<>>;  // by path, without its query
  // False where the connection is to be closed.
  using OnConnect = std::function<bool(Peer&)>;

  explicit ScriptedHttp(Table table = {}, OnConnect on_connect = nullptr);
  ScriptedHttp(const ScriptedHttp&) = delete;
  ScriptedHttp& operator=(const ScriptedHttp&) = delete;
  ~ScriptedHttp();

  std::uint16_t port() const noexcept { return port_; }
  std::string url(std::string_view target) const;

  // Runs `work` for each connection that is open, and waits for it.
  void with_peers(std::function<void(Peer&)> work);

  // The server's view; any thread.
  int accepted() const noexcept { return accepted_.load(); }
  int open() const noexcept { return open_.load(); }
  int most_open() const noexcept { return most_open_.load(); }
  int requests() const noexcept { return requests_.load(); }
  Request last() const;

 private:
  void run();
  void accept_one();
  void serve(Peer& peer);
  void drop_those_over();
  void run_posted();
  void wake() const;

  const Table table_;
  const OnConnect on_connect_;
  std::uint16_t port_ = 0;
  internal::Descriptor listener_;
  internal::Descriptor wake_;
  std::vector<std::unique_ptr<Peer>> peers_;  // the thread's
  std::atomic<int> accepted_{0}, open_{0}, most_open_{0}, requests_{0};

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  Request last_;  // guarded by mutex_, like all below
  std::function<void(Peer&)> posted_;
  bool ends_ = false;
  std::thread thread_;
};

}  // namespace tidegate::test
