// SPDX-License-Identifier: Apache-2.0
#include "net/redis_wire.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace tidegate::internal {

namespace {

Status failed(const std::string& what, int error) {
  return Status(Cause::kEngineUnavailable, what + ": " + std::strerror(error));
}

void set(int socket, int level, int option, int value) noexcept {
  (void)::setsockopt(socket, level, option, &value, sizeof value);
}

// A peer that is gone is noticed after about half a minute, also where nothing is sent.
void tune(int socket) noexcept {
  set(socket, IPPROTO_TCP, TCP_NODELAY, 1);
  set(socket, SOL_SOCKET, SO_KEEPALIVE, 1);
  set(socket, IPPROTO_TCP, TCP_KEEPIDLE, 15);
  set(socket, IPPROTO_TCP, TCP_KEEPINTVL, 5);
  set(socket, IPPROTO_TCP, TCP_KEEPCNT, 3);
}

bool would_block(int error) noexcept { return error == EAGAIN || error == EWOULDBLOCK; }

}  // namespace

void RedisOutbox::sent(std::size_t count) {
  sent_ += count;
  // What moves is never more than what has gone.
  if (sent_ < bytes.size() && sent_ < std::max(kKept, bytes.size() / 2)) return;
  gone_ += sent_;
  bytes.erase(0, sent_);
  sent_ = 0;
  if (bytes.empty() && bytes.capacity() > kKept) bytes = std::string();
}

void RedisOutbox::truncate(std::uint64_t position) noexcept {
  bytes.resize(static_cast<std::size_t>(std::max(position, sent_until()) - gone_));
}

Task<Status> RedisWire::connect(RedisAddress address) {
  const Status opened = open(address);
  if (!opened.ok()) co_return opened;
  for (;;) {
    if (writable_ || hung_up_) break;
    const Cause woken = co_await bell_.heard(Deadline::never());
    if (woken != Cause::kNone) {
      close();
      co_return Status(woken, "no connection to " + address.to_string() + " in time");
    }
  }
  int error = 0;
  socklen_t size = sizeof error;
  (void)::getsockopt(socket_.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  if (error == 0) co_return Status();
  close();
  co_return failed("no connection to " + address.to_string(), error);
}

Status RedisWire::open(const RedisAddress& address) {
  close();
  Descriptor socket(
      ::socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket) {
    return Status(Cause::kLocalResource, std::string("no socket: ") + std::strerror(errno));
  }
  if (address.storage.ss_family != AF_UNIX) tune(socket.get());
  if (::connect(socket.get(), address.get(), address.size) != 0 && errno != EINPROGRESS) {
    return failed("no connection to " + address.to_string(), errno);
  }
  Status watched = shard_.watch(socket.get(), EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, *this);
  if (watched.ok()) socket_ = std::move(socket);
  return watched;
}

void RedisWire::close() noexcept {
  if (!socket_) return;
  shard_.unwatch(socket_.get(), *this);
  socket_.reset();
  readable_ = writable_ = hung_up_ = false;
}

void RedisWire::io(std::uint32_t events) noexcept {
  if (events & (EPOLLERR | EPOLLHUP | EPOLLRDHUP)) hung_up_ = true;
  if (hung_up_ || (events & EPOLLIN)) readable_ = true;
  if (events & EPOLLOUT) writable_ = true;
  bell_.ring();
}

Result<std::optional<RedisReply>> RedisWire::take(RedisOutbox& out) {
  for (;;) {
    auto next = reader_.next();
    if (!next.ok() || *next) return next;
    auto more = read();
    if (!more.ok()) return more.status();
    if (*more) continue;
    const Status sent = flush(out);
    if (sent.ok()) return std::optional<RedisReply>();
    // What came before the end may say why: "-ERR max number of clients reached".
    readable_ = true;
    more = read();
    if (!more.value_or(false)) return sent;
  }
}

Status RedisWire::flush(RedisOutbox& out) {
  while (writable_ && out.unsent() > 0) {
    const std::string_view rest = out.rest();
    const ssize_t sent = ::send(socket_.get(), rest.data(), rest.size(), MSG_NOSIGNAL);
    if (sent < 0) {
      if (errno == EINTR) continue;
      if (!would_block(errno)) return failed("the connection was lost", errno);
      writable_ = false;
      break;
    }
    metrics_.bytes_out.add(static_cast<std::uint64_t>(sent));
    out.sent(static_cast<std::size_t>(sent));
  }
  return {};
}

// True where something was read.
Result<bool> RedisWire::read() {
  while (readable_) {
    const ssize_t got = ::recv(socket_.get(), buffer_.get(), kReadBytes, 0);
    if (got < 0) {
      if (errno == EINTR) continue;
      if (!would_block(errno)) return failed("the connection was lost", errno);
      readable_ = false;
      break;
    }
    if (got == 0) return Status(Cause::kEngineUnavailable, "Redis closed the connection");
    const auto size = static_cast<std::size_t>(got);
    metrics_.bytes_in.add(size);
    // A short read has emptied the socket; an end behind it has no event of its own to come.
    if (size < kReadBytes && !hung_up_) readable_ = false;
    if (Status status = reader_.feed({buffer_.get(), size}); !status.ok()) return status;
    return true;
  }
  return false;
}

}  // namespace tidegate::internal
