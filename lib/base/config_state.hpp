// SPDX-License-Identifier: Apache-2.0
//
// What a Config points to. Immutable once a Config holds it: a change is made to a copy.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/config_value.hpp"

namespace tidegate::internal {

struct ConfigState {
  using Values = std::map<std::string, ConfigValue, std::less<>>;

  std::shared_ptr<const std::vector<KeyInfo>> keys;
  Values values;                                        // every key has one
  std::map<std::string, Values, std::less<>> services;  // only what was set
  int layer = 0;                                        // of what is set now

  const KeyInfo* find(std::string_view key) const noexcept;
  // The effective value; `service` may be empty. Null where the key is unknown.
  const ConfigValue* value(std::string_view service, std::string_view key) const;

  // Sets one key, `services.<name>.<key>` too, from a text or a Json.
  Status assign(std::string_view name, std::string_view text);
  Status assign(std::string_view name, const Json& json);
  // Takes an object of sections over; `section` is where it stands, empty at the top.
  Status merge(const std::string& section, const Json& json);

 private:
  template <class Source>
  Status assign_from(std::string_view name, const Source& source, bool is_document);
  Status unknown_key(std::string_view name) const;
  Status unknown_section(const std::string& section) const;
};

// 1 to 64 of a-z, 0-9 and _.
bool is_service_name(std::string_view name) noexcept;

}  // namespace tidegate::internal
