// SPDX-License-Identifier: Apache-2.0
//
// CurlSocket: one of libcurl's sockets, and what the shard's epoll knows of it. libcurl wants a
// socket watched anew for every transfer; told to epoll each time that would be two system calls a
// request. So a socket that it wants no longer stays watched, and idle:
//
//   not watched ──want(events)──▶ wanted ──want(0)──▶ idle ──want(same events)──▶ wanted
//        ▲                                              │ an event
//        └──────────────────────────────────────────────┘
//
// An event on an idle socket that no transfer holds means that its peer has closed it, or spoke
// unasked, as a server does with a 408 that nobody may take for an answer. Such a connection is
// spoilt: what came is thrown away and both directions are shut, which libcurl sees as dead when it
// looks for one to use. (7.88.1 alone would use one with unread input, and one that was reset.)
//
// Not every end is told of. libcurl closes a socket that did not get as far as a connection, and
// those of its resolver, without a word, and their number may mean another one the next moment. So a
// socket of a connection has the kernel's cookie, by which it is known again, and one of the
// resolver's is never left idle.
#pragma once

#include <curl/curl.h>

#include <cstdint>

#include "net/shard.hpp"

namespace tidegate::internal {

class CurlEnd;
class CurlMulti;

class CurlSocket final : private Io {
 public:
  // For a connection to `peer` that is still to come: `opener` wants it.
  CurlSocket(CurlMulti& multi, Shard& shard, curl_socket_t fd, const CurlEnd& opener,
             const sockaddr& peer) noexcept;
  // One of libcurl's own.
  CurlSocket(CurlMulti& multi, Shard& shard, curl_socket_t fd) noexcept;
  CurlSocket(const CurlSocket&) = delete;
  CurlSocket& operator=(const CurlSocket&) = delete;
  ~CurlSocket() { unwatch(); }

  bool is_connection() const noexcept { return is_connection_; }
  // Its opener does not yet know whether it became a connection.
  bool is_new() const noexcept { return opener_ != nullptr; }
  bool is_new_of(const CurlEnd& end) const noexcept { return opener_ == &end; }
  const CurlEnd* opener() const noexcept { return opener_; }
  void settle() noexcept { opener_ = nullptr; }
  // Whether its number still means it.
  bool is_open() const noexcept;
  // epoll's events; 0 for none.
  Status want(std::uint32_t events);
  // A transfer has it; while none does, an event on it is its end.
  void hold(const CurlEnd& holder) noexcept { holder_ = &holder; }
  void hand_over(const CurlEnd& from, const CurlEnd& to) noexcept {
    if (holder_ == &from) holder_ = &to;
  }
  bool is_held() const noexcept { return holder_ != nullptr; }
  void let_go(const CurlEnd& holder) noexcept;
  bool is_idle() const noexcept { return watched_ != 0 && wanted_ == 0 && !holder_; }
  TimePoint idle_since() const noexcept { return idle_since_; }
  // The same for the same address and port, and for few others.
  std::size_t peer() const noexcept { return peer_; }
  TimePoint life_ends() const noexcept { return life_ends_; }
  // Of one whose cookie this is: between 0.9 and 1.1 of what is usual.
  static Duration life(Duration usual, std::uint64_t cookie) noexcept;
  static Duration longest_life(Duration usual) noexcept { return usual + usual / 10; }
  // It is idle, and shall not be used again: libcurl sees an end, and can still take leave of its peer.
  void retire() noexcept;
  // Spoils it where it is idle and has something to read that was not told of yet.
  void look() noexcept;

 private:
  void io(std::uint32_t events) noexcept override;
  void idle_io(std::uint32_t events) noexcept;
  void unwatch() noexcept;
  void spoil() noexcept;

  CurlMulti& multi_;
  Shard& shard_;
  const curl_socket_t fd_;
  const bool is_connection_;
  const CurlEnd* opener_;
  const std::uint64_t cookie_;
  const std::size_t peer_;
  const TimePoint life_ends_;
  TimePoint idle_since_{};
  std::uint32_t watched_ = 0;
  std::uint32_t wanted_ = 0;
  const CurlEnd* holder_ = nullptr;
};

}  // namespace tidegate::internal
