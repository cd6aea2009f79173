// SPDX-License-Identifier: Apache-2.0
//
// proxy_route(): a proxy as its URL names it, read strictly.
//
//   http://user:password@proxy.example.com:3128      also https, socks5 and socks5h
//
// With socks5 too it is the proxy that looks up names, as with socks5h.
//
// A user and a password are percent-decoded. A port that is left out is 80, 443 or 1080. There is no
// path but "/", no query and no fragment. What is refused is kBadArgument, and the message has
// nothing of the URL in it, because a part of it may be a password.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "base/ports/transport.hpp"

namespace tidegate::internal {

// `session` keeps connections apart that would otherwise be shared.
Result<std::shared_ptr<const TransportRoute>> proxy_route(std::string_view url,
                                                          std::uint64_t session = 0);

// The same proxy for another session.
std::shared_ptr<const TransportRoute> in_session(const TransportRoute& route,
                                                 std::uint64_t session);

}  // namespace tidegate::internal
