// SPDX-License-Identifier: Apache-2.0
//
// Conditional requests: a client that names the content it has is told that there is no other.
#pragma once

#include <string_view>

#include "reply.hpp"

namespace server {

// True if the header If-None-Match names `etag`, or any: "*". Weak tags are equal to strong ones.
// False where there is no `etag`.
bool names(std::string_view if_none_match, std::string_view etag) noexcept;

// The answer with status 304 that stands for `said`: its headers without its body.
Reply unchanged(Reply said);

}  // namespace server
