// SPDX-License-Identifier: Apache-2.0
//
// The parameters of an address, read one by one into what they mean. What is unknown, given twice
// or not allowed is refused, naming the nearest valid form.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "reply.hpp"

namespace server {

// One that the address knows: `read` takes its value over, or says what is wrong with it.
struct Field {
  std::string_view name;
  std::function<std::optional<Problem>(const std::string& text)> read;
};

// Reads a query like "limit=4&make=audi", in its order, up to the first problem.
std::optional<Problem> read_parameters(std::string_view query, std::span<const Field> fields);

// A whole number from `least` to `most`. `value` is what holds where there is none.
struct Range {
  int least, most;
};
std::optional<Problem> read_number(std::string_view name, const std::string& text, Range range,
                                   int& value);

}  // namespace server
