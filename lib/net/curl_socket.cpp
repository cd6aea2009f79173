// SPDX-License-Identifier: Apache-2.0
#include "net/curl_socket.hpp"

#include <sys/socket.h>

#include <array>

#include "net/curl_multi.hpp"

namespace tidegate::internal {

namespace {

// Of each socket another one, for as long as the kernel runs; 0 where `fd` is none.
std::uint64_t cookie_of(int fd) noexcept {
  std::uint64_t cookie = 0;
  socklen_t size = sizeof cookie;
  return ::getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &size) == 0 ? cookie : 0;
}

}  // namespace

CurlSocket::CurlSocket(CurlMulti& multi, Shard& shard, curl_socket_t fd, Kind kind) noexcept
    : multi_(multi), shard_(shard), fd_(fd), kind_(kind), cookie_(cookie_of(fd)) {}

bool CurlSocket::is_open() const noexcept { return cookie_of(fd_) == cookie_; }

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
  if (wanted_ == 0) {
    unwatch();
    if (!holder_) spoil();
    return;
  }
  int what = 0;
  if (events & EPOLLIN) what |= CURL_CSELECT_IN;
  if (events & EPOLLOUT) what |= CURL_CSELECT_OUT;
  if (events & (EPOLLERR | EPOLLHUP)) what |= CURL_CSELECT_ERR;
  multi_.act(fd_, what);  // may be the end of this object
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
