// SPDX-License-Identifier: Apache-2.0
//
// "Did you mean …?"
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace server {

// The word of `known` that takes the fewest edits (add, drop or replace a character, letter case
// apart) to make of `word`; the first of equally near ones. REQUIRES: `known` is not empty.
std::string_view nearest(std::string_view word, std::span<const std::string_view> known);

// ASCII letters made small.
std::string lower(std::string_view text);

}  // namespace server
