// SPDX-License-Identifier: Apache-2.0
#include "makes.hpp"

#include <algorithm>
#include <array>

#include "nearest.hpp"

namespace server {

namespace {

constexpr std::array<std::string_view, 9> kMakes = {
    "Audi", "BMW", "Ford", "Hyundai", "Mercedes-Benz", "Skoda", "Toyota", "Vauxhall", "Volkswagen"};

}  // namespace

std::span<const std::string_view> makes() noexcept { return kMakes; }

std::optional<Problem> read_make(const std::string& text, std::string_view& make) {
  const auto known = std::ranges::find(kMakes, lower(text), lower);
  if (known != kMakes.end()) {
    make = *known;
    return std::nullopt;
  }
  std::string message = "make is " + in_quotes(text) + ", but must be one of ";
  for (std::string_view other : kMakes) message.append(other).append(", ");
  message += "or left out";
  if (text.empty()) return Problem{400, "unknown_make", "make", message, {}};
  const std::string near(nearest(text, kMakes));
  return Problem{400, "unknown_make", "make", message + "; did you mean '" + near + "'?", near};
}

}  // namespace server
