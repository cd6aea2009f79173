// SPDX-License-Identifier: Apache-2.0
//
// LoopbackPort: a port of the loopback for a server of a test's. No number comes twice in a process:
// the library counts by address, and a test whose server had the number of an earlier one would find
// that one's counts.
#pragma once

#include <netinet/in.h>

#include <cstdint>

#include "net/descriptor.hpp"

namespace tidegate::test {

struct LoopbackPort {
  internal::Descriptor socket;  // bound to it, and does not listen
  std::uint16_t number = 0;
};

LoopbackPort new_loopback_port();

sockaddr_in loopback_address(std::uint16_t port) noexcept;

}  // namespace tidegate::test
