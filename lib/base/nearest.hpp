// SPDX-License-Identifier: Apache-2.0
//
// "Did you mean …?": the known word that a mistyped one most probably stands for. Pure.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace tidegate::internal {

// How many characters have to be added, left out, replaced or swapped with their neighbour.
std::size_t edit_distance(std::string_view a, std::string_view b);

// The known word nearest to `word`, or one that ends in ".word"; empty where none is near enough to
// be worth naming. Of equally near ones the first.
std::string_view nearest(std::string_view word, std::span<const std::string_view> known);

}  // namespace tidegate::internal
