// SPDX-License-Identifier: Apache-2.0
//
// The makes of the listings. A make that a client names is one of them, so that no query and no
// cache key is made of anything else.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "reply.hpp"

namespace server {

// In alphabetical order.
std::span<const std::string_view> makes() noexcept;

// Sets `make` to the one that `text` names, letter case apart; else the problem, with the nearest.
std::optional<Problem> read_make(const std::string& text, std::string_view& make);

}  // namespace server
