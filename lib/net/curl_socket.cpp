// SPDX-License-Identifier: Apache-2.0
#include "net/curl_socket.hpp"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <functional>
#include <string_view>

#include "base/fork.hpp"
#include "base/ports/rng.hpp"
#include "net/curl_multi.hpp"

namespace tidegate::internal {

namespace {

std::string_view bytes_of(const sockaddr& peer) noexcept {
  const char* const bytes = reinterpret_cast<const char*>(&peer);
  if (peer.sa_family == AF_INET6) return {bytes, sizeof(sockaddr_in6)};
  if (peer.sa_family != AF_UNIX) return {bytes, sizeof(sockaddr_in)};
  const char* const path = bytes + offsetof(sockaddr_un, sun_path);
  return {path, ::strnlen(path, sizeof(sockaddr_un::sun_path))};
}

std::size_t hash_of(const sockaddr& peer) noexcept {
  return std::hash<std::string_view>()(bytes_of(peer));
}

}  // namespace

// A cookie is drawn once in the life of a kernel.
Duration CurlSocket::life(Duration usual, std::uint64_t cookie) noexcept {
  Rng rng(cookie);
  return usual - usual / 10 + usual / 500 * static_cast<std::int64_t>(rng.below(101));
}

CurlSocket::CurlSocket(CurlMulti& multi, Shard& shard, curl_socket_t fd, const CurlEnd& opener,
                       const sockaddr& peer) noexcept
    : multi_(multi),
      shard_(shard),
      fd_(fd),
      is_connection_(true),
      opener_(&opener),
      cookie_(socket_cookie(fd)),
      peer_(hash_of(peer)),
      life_ends_(shard.now() + life(multi.kept().life, cookie_)) {}

CurlSocket::CurlSocket(CurlMulti& multi, Shard& shard, curl_socket_t fd) noexcept
    : multi_(multi),
      shard_(shard),
      fd_(fd),
      is_connection_(false),
      opener_(nullptr),
      cookie_(socket_cookie(fd)),
      peer_(0),
      life_ends_(TimePoint::max()) {}

bool CurlSocket::is_open() const noexcept { return socket_cookie(fd_) == cookie_; }

Status CurlSocket::want(std::uint32_t events) {
  wanted_ = events;
  if (!is_connection()) unwatch();
  if (events == 0 || events == watched_) return {};
  Status status =
      watched_ == 0 ? shard_.watch(fd_, events, *this) : shard_.rewatch(fd_, events, *this);
  if (status.ok()) watched_ = events;
  return status;
}

void CurlSocket::unwatch() noexcept {
  if (watched_ == 0) return;
  is_open() ? shard_.unwatch(fd_, *this) : shard_.forget(*this);
  watched_ = 0;
}

void CurlSocket::io(std::uint32_t events) noexcept {
  if (wanted_ == 0) return idle_io(events);
  int what = 0;
  if (events & EPOLLIN) what |= CURL_CSELECT_IN;
  if (events & EPOLLOUT) what |= CURL_CSELECT_OUT;
  if (events & (EPOLLERR | EPOLLHUP)) what |= CURL_CSELECT_ERR;
  multi_.act(fd_, what);  // may be the end of this object
}

// That it could be written to, which was of interest to its last transfer, is no news of its peer's.
void CurlSocket::idle_io(std::uint32_t events) noexcept {
  if (events == EPOLLOUT && shard_.rewatch(fd_, EPOLLIN, *this).ok()) {
    watched_ = EPOLLIN;
    return;
  }
  unwatch();
  if (!holder_) spoil();
}

// What came while it was held was not looked at: epoll tells it again.
void CurlSocket::let_go(const CurlEnd& holder) noexcept {
  if (holder_ != &holder) return;
  holder_ = nullptr;
  idle_since_ = shard_.now();
  if (watched_ != 0 || !is_connection() || !is_open()) return;
  if (shard_.watch(fd_, EPOLLIN, *this).ok()) watched_ = EPOLLIN;
}

void CurlSocket::look() noexcept {
  if (!is_idle()) return;
  char byte = 0;
  const ssize_t got = ::recv(fd_, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
  unwatch();
  spoil();
}

void CurlSocket::retire() noexcept {
  unwatch();
  (void)::shutdown(fd_, SHUT_RD);
}

// What it reads away is what libcurl must not: it takes a socket with input for a good one. A reset
// is told once; the next one who asks sees an end.
void CurlSocket::spoil() noexcept {
  constexpr int kMostReads = 1024;  // more than a socket holds
  std::array<char, 16384> unasked;
  (void)::shutdown(fd_, SHUT_RDWR);
  for (int reads = 0; reads < kMostReads; ++reads) {
    if (::recv(fd_, unasked.data(), unasked.size(), MSG_DONTWAIT) <= 0) break;
  }
  multi_.spoilt();
}

}  // namespace tidegate::internal
