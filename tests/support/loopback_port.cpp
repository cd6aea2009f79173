// SPDX-License-Identifier: Apache-2.0
#include "support/loopback_port.hpp"

#include <doctest/doctest.h>
#include <sys/socket.h>

#include <mutex>
#include <set>

namespace tidegate::test {

namespace {

bool is_first_use(std::uint16_t port) {
  static std::mutex mutex;
  static std::set<std::uint16_t> used;
  const std::lock_guard lock(mutex);
  return used.insert(port).second;
}

LoopbackPort any_port() {
  LoopbackPort port{.socket =
                        internal::Descriptor(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0))};
  sockaddr_in address = loopback_address(0);
  socklen_t size = sizeof address;
  const int fd = port.socket.get();
  REQUIRE(::bind(fd, reinterpret_cast<sockaddr*>(&address), size) == 0);
  REQUIRE(::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  port.number = ntohs(address.sin_port);
  return port;
}

}  // namespace

LoopbackPort new_loopback_port() {
  for (;;) {
    LoopbackPort port = any_port();
    if (is_first_use(port.number)) return port;
  }
}

sockaddr_in loopback_address(std::uint16_t port) noexcept {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

}  // namespace tidegate::test
