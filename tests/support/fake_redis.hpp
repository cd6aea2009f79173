// SPDX-License-Identifier: Apache-2.0
//
// FakeRedis: a scripted server on a port of the loopback, on a thread of its own. It answers as a
// Redis would that knows every key (GET of k gives value_of(k)), except where the script says
// something else:
//
//   FakeRedis fake([](FakeRedis::Peer& peer, const FakeRedis::Command& command) {
//     if (command[0] != "GET") return false;          // answered as usual
//     peer.send("-MOVED 1 127.0.0.1:7000\r\n");
//     return true;
//   });
//
// It does nothing by time: it acts when a command comes, when somebody connects, or when the test
// posts something to it.
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

class FakeRedis {
 public:
  using Command = std::vector<std::string>;

  // One connection. Of the server's thread only.
  class Peer {
   public:
    Peer(int fd, int number) : number_(number), socket_(fd) {}
    int number() const noexcept { return number_; }  // from 0, in the order of their coming
    void send(std::string_view bytes);
    // Each byte in a packet of its own.
    void send_bytewise(std::string_view bytes);
    void close() noexcept { over_ = true; }
    // By RST and not by FIN.
    void reset() noexcept;
    // Answers a command as usual.
    void answer(const Command& command);

   private:
    friend class FakeRedis;
    const int number_;
    internal::Descriptor socket_;
    std::string input_;
    bool over_ = false;
    bool subscribed_ = false;
  };

  // True where it has answered, or will not.
  using Script = std::function<bool(Peer&, const Command&)>;
  // False where the connection is to be closed.
  using OnConnect = std::function<bool(Peer&)>;

  explicit FakeRedis(Script script = nullptr, OnConnect on_connect = nullptr);
  FakeRedis(const FakeRedis&) = delete;
  FakeRedis& operator=(const FakeRedis&) = delete;
  ~FakeRedis();

  std::uint16_t port() const noexcept { return port_; }
  std::string url() const { return "redis://127.0.0.1:" + std::to_string(port_); }

  // Runs `work` for each connection that is open, and waits for it.
  void with_peers(std::function<void(Peer&)> work);

  // The server's view; any thread.
  int accepted() const noexcept { return accepted_.load(); }
  int open() const noexcept { return open_.load(); }
  int most_open() const noexcept { return most_open_.load(); }
  void forget_most_open() noexcept { most_open_ = 0; }
  int count(const std::string& command) const;
  // How often bytes came: what the client says in one write comes at once.
  int reads() const noexcept { return reads_.load(); }

  static std::string value_of(std::string_view key) { return "value of " + std::string(key); }
  static std::string bulk(std::string_view text);

 private:
  void run();
  void accept_one();
  void serve(Peer& peer);
  void drop_those_over();
  void run_posted();
  void wake() const;

  const Script script_;
  const OnConnect on_connect_;
  std::uint16_t port_ = 0;
  internal::Descriptor listener_;
  internal::Descriptor wake_;
  std::vector<std::unique_ptr<Peer>> peers_;  // the thread's
  std::atomic<int> accepted_{0}, open_{0}, most_open_{0}, reads_{0};

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, int> counts_;  // guarded by mutex_, like all below
  std::function<void(Peer&)> posted_;
  bool ends_ = false;
  std::thread thread_;
};

}  // namespace tidegate::test
