// SPDX-License-Identifier: Apache-2.0

#include "base/config_value.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include "base/text.hpp"

namespace tidegate::internal {
namespace {

template <class Number>
std::optional<Number> parse_number(std::string_view text) {
  Number number{};
  const char* const begin = text.data();
  const char* const end = begin + text.size();
  const auto [stop, error] = std::from_chars(begin, end, number);
  if (error != std::errc() || stop != end) return std::nullopt;
  return number;
}

std::optional<bool> parse_boolean(std::string_view text) {
  std::string word(text);
  for (char& c : word) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  for (std::string_view yes : {"true", "1", "yes", "on"}) {
    if (word == yes) return true;
  }
  for (std::string_view no : {"false", "0", "no", "off"}) {
    if (word == no) return false;
  }
  return std::nullopt;
}

std::optional<ConfigValue> parse(KeyType type, std::string_view text) {
  ConfigValue parsed{{}, std::string(text), 0};
  switch (type) {
    case KeyType::kDuration: {
      const Result<Duration> duration = parse_duration(text);
      if (!duration.ok()) return std::nullopt;
      parsed.value = *duration;
      return parsed;
    }
    case KeyType::kInteger: {
      const auto integer = parse_number<std::int64_t>(text);
      if (!integer) return std::nullopt;
      parsed.value = *integer;
      return parsed;
    }
    case KeyType::kBoolean: {
      const auto flag = parse_boolean(text);
      if (!flag) return std::nullopt;
      parsed.value = *flag;
      return parsed;
    }
    case KeyType::kNumber: {
      const auto number = parse_number<double>(text);
      if (!number || !std::isfinite(*number)) return std::nullopt;
      parsed.value = *number;
      return parsed;
    }
    case KeyType::kString: parsed.value = std::string(text); return parsed;
  }
  return std::nullopt;
}

// Values of one type compare as the numbers or texts that they are. A bound is always readable: the
// table was checked when it was taken in.
bool in_range(const KeyInfo& info, const ConfigValue& value) {
  const auto min = info.min.empty() ? std::nullopt : parse(info.type, info.min);
  const auto max = info.max.empty() ? std::nullopt : parse(info.type, info.max);
  return (!min || value.value >= min->value) && (!max || value.value <= max->value);
}

bool is_choice(std::string_view choices, std::string_view text) {
  while (true) {
    const std::size_t bar = choices.find('|');
    if (choices.substr(0, bar) == text) return true;
    if (bar == std::string_view::npos) return false;
    choices.remove_prefix(bar + 1);
  }
}

Status refused(const KeyInfo& info, std::string_view name, std::string_view shown) {
  std::string message(name);
  message.append(" is ").append(info.secret ? "not as it should be" : shown);
  return Status(Cause::kConfig, message.append(", but must be ").append(what_is_allowed(info)));
}

std::string what_it_is(const Json& json) {
  if (json.is_null()) return "null";
  if (json.if_array() != nullptr || json.if_object() != nullptr) {
    return "an " + std::string(json.kind_name());
  }
  return "the " + std::string(json.kind_name()) + " " + one_line(json.dump(), 64);
}

std::string quoted(std::string_view text) { return "\"" + one_line(text, 64) + "\""; }

}  // namespace

std::string what_is_allowed(const KeyInfo& info) {
  std::string text = info.type == KeyType::kInteger ? "an " : "a ";
  text.append(key_type_name(info.type));
  if (info.type == KeyType::kBoolean) text = "true or false";
  if (!info.choices.empty()) {
    text = "one of ";
    for (char c : info.choices) c == '|' ? text.append(", ") : text.append(1, c);
  }
  if (!info.min.empty() && !info.max.empty()) {
    text.append(" from ").append(info.min).append(" to ").append(info.max);
  } else if (!info.min.empty()) {
    text.append(" of at least ").append(info.min);
  } else if (!info.max.empty()) {
    text.append(" of at most ").append(info.max);
  }
  if (info.type == KeyType::kDuration) text.append(", like \"15s\" or \"250ms\"");
  return text;
}

Result<ConfigValue> read_value(const KeyInfo& info, std::string_view name, std::string_view text) {
  auto parsed = parse(info.type, text);
  if (!parsed || !in_range(info, *parsed) ||
      (!info.choices.empty() && !is_choice(info.choices, text))) {
    return refused(info, name, quoted(text));
  }
  return std::move(*parsed);
}

Result<ConfigValue> read_value(const KeyInfo& info, std::string_view name, const Json& json) {
  const auto from_text = [&](std::string_view text) { return read_value(info, name, text); };
  switch (info.type) {
    case KeyType::kDuration:
    case KeyType::kString:
      if (const std::string* text = json.if_string()) return from_text(*text);
      break;
    case KeyType::kBoolean:
      if (json.if_bool() != nullptr) return from_text(json.dump());
      break;
    case KeyType::kInteger:
      if (json.if_integer() != nullptr) return from_text(json.dump());
      break;
    case KeyType::kNumber:
      if (json.number()) return from_text(json.dump());
      break;
  }
  return refused(info, name, what_it_is(json));
}

Json json_of(const KeyInfo& info, const ConfigValue& value) {
  if (info.secret && !value.text.empty()) return "***";
  if (const auto* integer = std::get_if<std::int64_t>(&value.value)) return *integer;
  if (const auto* flag = std::get_if<bool>(&value.value)) return *flag;
  if (const auto* number = std::get_if<double>(&value.value)) return *number;
  return value.text;
}

}  // namespace tidegate::internal
