// SPDX-License-Identifier: Apache-2.0
//
// CurlMulti: libcurl on a shard: a CURLM, driven by the shard's epoll and wheel
// (curl_multi_socket_action), with the sockets of all its connections. It knows nothing of
// requests: whoever begins a transfer sets up the handle.
//
//   CURL* easy = multi.take();
//   … curl_easy_setopt(easy, …), CURLOPT_PRIVATE is the CurlEnd …
//   Status begun = multi.begin(easy, end);       // end.ended(code) later, or before it returns
//   …
//   multi.stop(end);                              // in any case, once; also in the middle
//   multi.give_back(easy);
//
// No function of libcurl is called from inside one of its callbacks, and none of them blocks; a
// transfer that is stopped in the middle closes its connection. Connections that are whole stay for
// the next transfer, as CurlKept says. Those that are spoilt, or stayed for long enough, the reaper
// closes (net/curl_reaper.hpp). With no connection there is no timer.
//
// On the shard's thread only. After a fork the child leaves it as it lies; the sockets are closed
// there by number.
#pragma once

#include <curl/curl.h>

#include <cstddef>
#include <memory>
#include <vector>

#include "net/curl_socket.hpp"
#include "net/shard.hpp"

namespace tidegate::internal {

// Who wants to know that a transfer has ended. ended() runs outside of libcurl.
class CurlEnd {
 public:
  explicit CurlEnd(CurlMulti& multi) noexcept : multi_(multi) {}
  CurlMulti& multi() const noexcept { return multi_; }

  virtual void ended(CURLcode code) noexcept = 0;
  // A socket could not be opened or watched: the transfer cannot go on.
  virtual void hindered(int error) noexcept = 0;
  // Whether a socket may be opened to there.
  virtual bool may_connect(const sockaddr& address) noexcept = 0;

 protected:
  virtual ~CurlEnd() = default;

 private:
  friend class CurlMulti;
  CurlMulti& multi_;
  CURL* begun_ = nullptr;
  std::vector<curl_socket_t> held_;
  std::vector<curl_socket_t> opened_;  // and not known to have become a connection
};

class CurlDrain;
class CurlReaper;
struct CurlHeld;

// What stays between transfers, and what they may hold together.
struct CurlKept {
  std::size_t connections = 100;                 // in all
  Duration max_idle = std::chrono::seconds(30);  // how long any of them may be idle,
  std::size_t idle = 20;                         // and of each address so many for longer
  Duration life = std::chrono::minutes(10);      // of a connection, a tenth more or less
  std::size_t bytes = std::size_t{256} << 20;    // of bodies that have been received
};

// The two ends of a connection; of a Unix socket zeros.
struct CurlPorts {
  int local = 0;
  int remote = 0;
  bool operator==(const CurlPorts&) const = default;
};

class CurlMulti final : private Timer {
 public:
  explicit CurlMulti(Shard& shard, const CurlKept& kept = {}) noexcept;
  // Another one, whose transfers share the bound of `first` on what is buffered. It goes before that
  // one does.
  explicit CurlMulti(CurlMulti& first) noexcept;
  CurlMulti(const CurlMulti&) = delete;
  CurlMulti& operator=(const CurlMulti&) = delete;
  // REQUIRES: every transfer was stopped. On the shard's thread, or when that does not run.
  ~CurlMulti();

  // Sets libcurl up, once in a process; false where it has no memory. Any thread. Before the first
  // transfer, on a thread that does not fork meanwhile: a child of that moment never gets over it.
  static bool set_up() noexcept;

  Shard& shard() const noexcept { return shard_; }
  const CurlKept& kept() const noexcept { return kept_; }
  // Bytes of the bodies that all transfers have received so far: whether so many more are allowed,
  // which then count until they are given back.
  bool buffer(std::size_t bytes) noexcept;
  void give_back_buffer(std::size_t bytes) noexcept { first_->buffered_ -= bytes; }
  std::size_t buffered() const noexcept { return first_->buffered_; }

  // At least so many connections may stay.
  void keep(std::size_t connections, std::size_t idle) noexcept;

  // A handle that never was anybody's, or null: no memory. libcurl before 8.1.1 keeps of an answer
  // where its last field was when that is freed, and a fold at the begin of the same handle's next
  // answer is written there.
  CURL* take() noexcept;
  void give_back(CURL* easy) noexcept;

  Status begin(CURL* easy, CurlEnd& end);
  void stop(CurlEnd& end) noexcept;
  // In place of stop() and give_back(), for a request that was sent: its answer may come to its end,
  // if that is near (net/curl_drain.hpp).
  void drain(CURL* easy, CurlEnd& end, CurlHeld held) noexcept;
  // From here on `to` is told what `from` was.
  void hand_over(CurlEnd& from, CurlEnd& to) noexcept;
  void drained(CurlDrain& drain) noexcept;
  // Its connection is there: of the sockets that were opened for it the others are gone, and the one
  // is its own, of which libcurl may not tell where the answer comes at once.
  void connected(CurlEnd& end) noexcept;

  // It stands still, and its connection is not idle for that. libcurl has not told of the socket of a
  // kept one where the answer came at once; the ports tell. Unix sockets have none: each that is idle
  // may be the one, and none of them is taken for spoilt meanwhile.
  void stands_still(CurlEnd& end, CurlPorts ports);

  // That have begun and were not stopped.
  std::size_t transfers() const noexcept { return transfers_; }
  // Open sockets of connections.
  std::size_t connections() const noexcept { return connections_; }

  // Those that no transfer has.
  void list_idle(std::vector<CurlSocket*>& into) const;

  // For CurlSocket.
  void act(curl_socket_t socket, int events) noexcept;
  void spoilt() noexcept;

  // For CURLOPT_OPENSOCKETFUNCTION; its data is the CurlEnd.
  static curl_socket_t open_socket(void* end, curlsocktype purpose,
                                   curl_sockaddr* address) noexcept;
  static int close_socket(void* multi, curl_socket_t fd) noexcept;

 private:
  void fired() noexcept override { act(CURL_SOCKET_TIMEOUT, 0); }
  bool make();
  void look_at_idle() noexcept;
  void hold(CurlSocket& socket, CurlEnd& end, curl_socket_t fd);
  void harvest() noexcept;
  void was_turned_away(curl_socket_t fd) noexcept;
  void go_on() noexcept;
  void forget(curl_socket_t fd) noexcept;
  void forget_closed(CurlEnd& end) noexcept;
  std::unique_ptr<CurlSocket>& place_of(curl_socket_t fd);
  static int on_timer(CURLM* multi, long milliseconds, void* self) noexcept;
  static int on_socket(CURL* easy, curl_socket_t fd, int what, void* self, void* unused) noexcept;

  static constexpr std::size_t kMostDrains = 100;

  Shard& shard_;
  CurlKept kept_;
  CurlMulti* const first_;  // who counts what is buffered
  std::size_t buffered_ = 0;
  CURLM* multi_ = nullptr;
  CURLSH* sessions_ = nullptr;      // of TLS, which would go with the handles
  std::vector<CURL*> turned_away_;  // begun, at an address that took no connection
  std::vector<std::unique_ptr<CurlSocket>> sockets_;  // by descriptor
  std::size_t connections_ = 0;
  std::size_t transfers_ = 0;
  TimePoint looked_{};  // the turn in which the idle ones were looked at
  std::unique_ptr<CurlReaper> reaper_;
  std::vector<std::unique_ptr<CurlDrain>> drains_;
};

}  // namespace tidegate::internal
