// SPDX-License-Identifier: Apache-2.0
#include "tidegate/headers.hpp"

#include "base/text.hpp"

namespace tidegate {

std::size_t Headers::remove(std::string_view name) {
  return std::erase_if(fields_, [name](const Field& field) {
    return internal::same_ignoring_case(field.name, name);
  });
}

std::optional<std::string_view> Headers::find(std::string_view name) const noexcept {
  for (const Field& field : fields_) {
    if (internal::same_ignoring_case(field.name, name)) return field.value;
  }
  return std::nullopt;
}

std::vector<std::string_view> Headers::all(std::string_view name) const {
  std::vector<std::string_view> values;
  for (const Field& field : fields_) {
    if (internal::same_ignoring_case(field.name, name)) values.push_back(field.value);
  }
  return values;
}

}  // namespace tidegate
