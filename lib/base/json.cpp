// SPDX-License-Identifier: Apache-2.0

#include "base/json.hpp"

#include <array>
#include <charconv>
#include <cmath>

#include "base/text.hpp"

namespace tidegate::internal {
namespace {

void write_string(std::string& out, std::string_view text) {
  constexpr char kHex[] = "0123456789abcdef";
  out.push_back('"');
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    const auto byte = static_cast<unsigned char>(text.front());
    if (length == 0) {
      out.append("\xEF\xBF\xBD");
    } else if (byte == '"' || byte == '\\') {
      out.append(1, '\\').append(1, text.front());
    } else if (byte >= 0x20) {
      out.append(text.substr(0, length));
    } else if (byte == '\n') {
      out.append("\\n");
    } else if (byte == '\t') {
      out.append("\\t");
    } else if (byte == '\r') {
      out.append("\\r");
    } else {
      out.append("\\u00").append(1, kHex[byte >> 4]).append(1, kHex[byte & 15U]);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  out.push_back('"');
}

void write_double(std::string& out, double value) {
  if (!std::isfinite(value)) {
    out.append("null");
    return;
  }
  std::array<char, 32> buffer;
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr;
  const std::string_view digits(buffer.data(), static_cast<std::size_t>(end - buffer.data()));
  out.append(digits);
  // So that it is read back as a double.
  if (digits.find_first_of(".e") == std::string_view::npos) out.append(".0");
}

void write_scalar(std::string& out, const Json& json) {
  if (const bool* flag = json.if_bool()) {
    out.append(*flag ? "true" : "false");
  } else if (const std::int64_t* integer = json.if_integer()) {
    out.append(std::to_string(*integer));
  } else if (const double* real = json.if_double()) {
    write_double(out, *real);
  } else if (const std::string* text = json.if_string()) {
    write_string(out, *text);
  } else {
    out.append("null");
  }
}

void new_line(std::string& out, int indent, std::size_t depth) {
  if (indent < 0) return;
  out.append(1, '\n').append(static_cast<std::size_t>(indent) * depth, ' ');
}

}  // namespace

std::string_view Json::kind_name() const noexcept {
  constexpr std::array<std::string_view, 7> kNames = {"null",   "boolean", "integer", "number",
                                                      "string", "array",   "object"};
  return kNames[value_.index()];
}

std::optional<double> Json::number() const noexcept {
  if (const double* real = if_double()) return *real;
  if (const std::int64_t* integer = if_integer()) return static_cast<double>(*integer);
  return std::nullopt;
}

const Json* Json::find(std::string_view key) const noexcept {
  if (const Object* members = if_object()) {
    for (const Member& member : *members) {
      if (member.key == key) return &member.value;
    }
  }
  return nullptr;
}

Json& Json::operator[](std::string_view key) {
  if (if_object() == nullptr) value_ = Object();
  Object& members = *if_object();
  for (Member& member : members) {
    if (member.key == key) return member.value;
  }
  return members.emplace_back(Member{std::string(key), Json()}).value;
}

Json& Json::push_back(Json element) {
  if (if_array() == nullptr) value_ = Array();
  return if_array()->emplace_back(std::move(element));
}

bool Json::operator==(const Json& other) const noexcept { return value_ == other.value_; }

std::string Json::dump(int indent) const {
  // One open array or object: the element that comes next.
  struct Open {
    const Json* container;
    std::size_t next;
  };
  std::string out;
  std::vector<Open> open;
  const Json* json = this;
  while (true) {
    if (json != nullptr) {
      if (json->if_array() != nullptr || json->if_object() != nullptr) {
        out.push_back(json->if_array() != nullptr ? '[' : '{');
        open.push_back({json, 0});
      } else {
        write_scalar(out, *json);
      }
    }
    if (open.empty()) return out;

    Open& top = open.back();
    const Array* elements = top.container->if_array();
    const Object* members = top.container->if_object();
    const std::size_t size = elements != nullptr ? elements->size() : members->size();
    if (top.next == size) {
      open.pop_back();
      if (size != 0) new_line(out, indent, open.size());
      out.push_back(elements != nullptr ? ']' : '}');
      json = nullptr;
      continue;
    }
    if (top.next != 0) out.push_back(',');
    new_line(out, indent, open.size());
    if (members != nullptr) {
      write_string(out, (*members)[top.next].key);
      out.append(indent < 0 ? ":" : ": ");
      json = &(*members)[top.next].value;
    } else {
      json = &(*elements)[top.next];
    }
    ++top.next;
  }
}

}  // namespace tidegate::internal
