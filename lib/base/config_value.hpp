// SPDX-License-Identifier: Apache-2.0
//
// One value of one key: reading it from text or JSON, and saying what would be allowed.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "base/json.hpp"
#include "tidegate/config.hpp"

namespace tidegate::internal {

struct ConfigValue {
  std::variant<Duration, std::int64_t, bool, double, std::string> value;  // in the order of KeyType
  std::string text;                                                       // as it was written
  int nearness = 0;                                                       // Config::nearness()
};

// `name` is the full key for messages: "services.encar.executor.queue".
Result<ConfigValue> read_value(const KeyInfo& info, std::string_view name, std::string_view text);
Result<ConfigValue> read_value(const KeyInfo& info, std::string_view name, const Json& json);

// "an integer from 0 to 1000000", "a duration from 1ms to 24h, like \"15s\"".
std::string what_is_allowed(const KeyInfo& info);

// As a JSON value; "***" for a secret that is not empty.
Json json_of(const KeyInfo& info, const ConfigValue& value);

}  // namespace tidegate::internal
