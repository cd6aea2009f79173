// SPDX-License-Identifier: Apache-2.0
#include "head_stream.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>

namespace server {

using tidegate::Deadline;

bool HeadStream::send(tidegate::Duration timeout) {
  const Deadline deadline = Deadline::after(timeout);
  for (std::size_t sent = 0; sent < answer_.size();) {
    const ssize_t taken = ::send(guest_.socket.get(), answer_.data() + sent, answer_.size() - sent,
                                 MSG_DONTWAIT | MSG_NOSIGNAL);
    if (taken >= 0) {
      sent += static_cast<std::size_t>(taken);
      continue;
    }
    if (errno != EAGAIN && errno != EINTR) return false;
    pollfd room{.fd = guest_.socket.get(), .events = POLLOUT, .revents = 0};
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline.left());
    if (deadline.passed() || ::poll(&room, 1, static_cast<int>(left.count())) == 0) return false;
  }
  return true;
}

ssize_t HeadStream::read(char* to, std::size_t most) {
  const std::size_t size = guest_.head.copy(to, most, read_);
  read_ += size;
  return static_cast<ssize_t>(size);
}

ssize_t HeadStream::write(const char* data, std::size_t size) {
  answer_.append(data, size);
  return static_cast<ssize_t>(size);
}

}  // namespace server
