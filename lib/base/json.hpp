// SPDX-License-Identifier: Apache-2.0
//
// Json: a JSON value, its reader and its writer, for text that may come from anybody.
//
//   Result<Json> doc = Json::parse(R"({"port": 80, "hosts": ["a", "b"]})");
//   if (!doc) return doc.status();               // line 1, column 10: …
//   const Json* port = doc->find("port");        // null where there is none
//   Json out = Json::object();
//   out["port"] = 80;
//   out.dump();                                  // {"port":80}
//
// What the reader promises about numbers: an integer that fits std::int64_t is one; a larger one
// becomes a double only if the double is exactly that number, and is refused otherwise, so that no
// digit of an identifier is lost silently (write such numbers as strings). Any other number is the
// nearest double; a number beyond the range of a double is refused. Money and timestamps belong in
// strings.
//
// Objects keep the order of their members; a key that comes twice is refused. Lone surrogates,
// invalid UTF-8, NaN and comments are refused; a byte order mark at the start is skipped.
//
// Thread-safety: a plain value. Cost: find() compares with each key in turn. Parsing, writing and
// the limits use no recursion; values that code builds are expected to be shallow, because copying
// and destroying descend into them.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "tidegate/status.hpp"

namespace tidegate::internal {

// The text is refused, before it is read, where it is longer than `bytes`; and while it is read
// where it nests deeper than `depth` or holds more than `values` values (some 50 bytes each).
struct JsonLimits {
  std::size_t depth = 128;
  std::size_t bytes = 32U << 20;
  std::size_t values = 4'000'000;
};

// A template only so that Json can hold some of itself.
template <class Value>
struct JsonMember {
  std::string key;
  Value value;
  bool operator==(const JsonMember&) const noexcept = default;
};

class Json {
 public:
  using Member = JsonMember<Json>;
  using Array = std::vector<Json>;
  using Object = std::vector<Member>;
  enum class Kind : std::uint8_t { kNull, kBool, kInteger, kDouble, kString, kArray, kObject };

  // The implicit constructors make `out["port"] = 80` possible.
  Json() noexcept = default;  // null
  Json(std::nullptr_t) noexcept {}
  Json(std::same_as<bool> auto value) noexcept : value_(value) {}
  template <std::integral T>
    requires(!std::same_as<T, bool>)
  Json(T value) noexcept : value_(static_cast<std::int64_t>(value)) {}
  Json(std::floating_point auto value) noexcept : value_(static_cast<double>(value)) {}
  Json(std::string value) noexcept : value_(std::move(value)) {}
  Json(std::string_view value) : value_(std::string(value)) {}
  Json(const char* value) : value_(std::string(value)) {}
  Json(Array value) noexcept : value_(std::move(value)) {}
  Json(Object value) noexcept : value_(std::move(value)) {}
  static Json array() { return Json(Array()); }
  static Json object() { return Json(Object()); }

  Kind kind() const noexcept { return static_cast<Kind>(value_.index()); }
  // "null", "boolean", "integer", "number", "string", "array" or "object", for messages.
  std::string_view kind_name() const noexcept;
  bool is_null() const noexcept { return kind() == Kind::kNull; }

  // The value where it is of that kind, else null.
  const bool* if_bool() const noexcept { return std::get_if<bool>(&value_); }
  const std::int64_t* if_integer() const noexcept { return std::get_if<std::int64_t>(&value_); }
  const double* if_double() const noexcept { return std::get_if<double>(&value_); }
  const std::string* if_string() const noexcept { return std::get_if<std::string>(&value_); }
  const Array* if_array() const noexcept { return std::get_if<Array>(&value_); }
  const Object* if_object() const noexcept { return std::get_if<Object>(&value_); }
  Array* if_array() noexcept { return std::get_if<Array>(&value_); }
  Object* if_object() noexcept { return std::get_if<Object>(&value_); }

  // An integer or a double as a double.
  std::optional<double> number() const noexcept;

  // The member of this name, or null: also where this is no object.
  const Json* find(std::string_view key) const noexcept;

  // The member of this name, made where there is none. A value that is no object becomes one.
  Json& operator[](std::string_view key);

  // Adds to the end. A value that is no array becomes one.
  Json& push_back(Json element);

  bool operator==(const Json&) const noexcept;

  // Reads one document. Errors have the cause decode (no_memory where memory is short) and name
  // line and column, counted in bytes from 1.
  static Result<Json> parse(std::string_view text, JsonLimits limits = {});

  // Compact, or with `indent` spaces per level. Fails on no content: invalid UTF-8 comes out as
  // U+FFFD, NaN and the infinities as null.
  std::string dump(int indent = -1) const;

 private:
  std::variant<std::monostate, bool, std::int64_t, double, std::string, Array, Object> value_;
};

}  // namespace tidegate::internal
