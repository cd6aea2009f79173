// SPDX-License-Identifier: Apache-2.0
//
// The URL of the Redis that the caches share, as this server may show it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace server {

// "redis://***@host:6379/0" of "redis://user:password@host:6379/0?…": without whoever we are there.
// Nothing where `url` is neither redis://host[:port][/database] nor unix:///path.
std::optional<std::string> redacted_redis_url(std::string_view url);

}  // namespace server
