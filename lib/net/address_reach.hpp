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

// Of a host in lower case that somebody else looks up, such as a proxy. False for an address that is
// not public, for localhost and the names below it (RFC 6761), and for what ends with a number and is
// no address of four octets ("127.1", "0x7f.1", "2130706433"): which one that means depends on who
// reads it. Dots at its end change nothing. What any other name means is not known here: true.
bool may_be_public(std::string_view host) noexcept;

}  // namespace tidegate::internal
