// SPDX-License-Identifier: Apache-2.0
//
// Whether an address belongs to the public internet: one that any host could reach. All others (this
// host, private networks, link-local ones such as 169.254.169.254 where clouds keep secrets, shared
// and reserved ranges, multicast) may mean something else here than where a URL was written. Judged
// by the registries of IANA for special purposes (RFC 6890). An IPv6 address that carries an IPv4 one
// (mapped, NAT64, 6to4) is what that is.
//
// Pure; any thread.
#pragma once

#include <sys/socket.h>

#include <string_view>

namespace tidegate::internal {

// False for other families.
bool is_public_address(const sockaddr& address) noexcept;
// Of an address as it is written, without brackets; false for what is none.
bool is_public_address(std::string_view text) noexcept;

}  // namespace tidegate::internal
