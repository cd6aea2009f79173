// SPDX-License-Identifier: Apache-2.0
//
// LoopbackServer: a server on a port of the loopback, on a thread of its own; what it speaks is given
// to it. It does nothing by time: it acts when bytes come, when somebody connects, or when the test
// posts something to it.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "net/descriptor.hpp"
#include "support/loopback_port.hpp"

namespace tidegate::test {

// One connection. Of the server's thread only.
class LoopbackPeer {
 public:
  LoopbackPeer(int fd, int number) : number_(number), socket_(fd) {}
  LoopbackPeer(const LoopbackPeer&) = delete;
  LoopbackPeer& operator=(const LoopbackPeer&) = delete;
  virtual ~LoopbackPeer() = default;

  int number() const noexcept { return number_; }  // from 0, in the order of their coming
  void send(std::string_view bytes);
  // Each byte in a packet of its own.
  void send_bytewise(std::string_view bytes);
  void close() noexcept { over_ = true; }
  // By RST and not by FIN.
  void reset() noexcept;

 protected:
  bool over() const noexcept { return over_; }
  std::string input_;  // what has come and was not taken yet

 private:
  friend class LoopbackServer;
  const int number_;
  internal::Descriptor socket_;
  bool over_ = false;
};

class LoopbackServer {
 public:
  struct Speech {
    std::function<std::unique_ptr<LoopbackPeer>(int fd, int number)> make;
    // False where the connection is to be closed.
    std::function<bool(LoopbackPeer&)> connected;
    // Bytes have come.
    std::function<void(LoopbackPeer&)> heard;
  };

  explicit LoopbackServer(Speech speech);
  LoopbackServer(const LoopbackServer&) = delete;
  LoopbackServer& operator=(const LoopbackServer&) = delete;
  // Joins the thread: a member that `speech` uses stands above it.
  ~LoopbackServer();

  std::uint16_t port() const noexcept { return port_.number; }

  // Runs `work` for each connection that is open, and waits for it.
  void with_peers(std::function<void(LoopbackPeer&)> work);

  // The server's view; any thread.
  int accepted() const noexcept { return accepted_.load(); }
  int open() const noexcept { return open_.load(); }
  int most_open() const noexcept { return most_open_.load(); }
  void forget_most_open();
  // How often bytes came: what the client says in one write comes at once.
  int reads() const noexcept { return reads_.load(); }

 private:
  void run();
  void accept_one();
  void serve(LoopbackPeer& peer);
  // Runs `work` on the server's thread, and waits for it.
  void on_thread(std::function<void()> work);
  void drop_those_over();
  void run_posted();
  void wake() const;

  const Speech speech_;
  const LoopbackPort port_;  // its socket listens
  internal::Descriptor wake_;
  std::vector<std::unique_ptr<LoopbackPeer>> peers_;  // the thread's
  std::atomic<int> accepted_{0}, open_{0}, most_open_{0}, reads_{0};

  std::mutex mutex_;
  std::condition_variable changed_;
  std::function<void()> posted_;  // guarded by mutex_, like all below
  bool ends_ = false;
  std::thread thread_;
};

}  // namespace tidegate::test
