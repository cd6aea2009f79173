// SPDX-License-Identifier: Apache-2.0
//
// The reader of Json: nlohmann's lexer and grammar, our values and limits. Only its SAX interface
// is used: it is iterative, and a handler can stop it, so that the limits hold while the text is
// read and not afterwards.

#include <algorithm>
#include <array>
#include <cstdio>
#include <iterator>
#include <memory>
#include <new>
#include <nlohmann/json.hpp>
#include <set>

#include "base/json.hpp"
#include "base/text.hpp"

namespace tidegate::internal {
namespace {

// Walks over the text and lets the handler see how far the lexer has come.
class Cursor {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  Cursor(const char* at, const char** reached) noexcept : at_(at), reached_(reached) {}
  reference operator*() const noexcept { return *at_; }
  Cursor& operator++() noexcept {
    *reached_ = ++at_;
    return *this;
  }
  Cursor operator++(int) noexcept {
    const Cursor before = *this;
    ++*this;
    return before;
  }
  bool operator==(const Cursor& other) const noexcept { return at_ == other.at_; }
  bool operator!=(const Cursor& other) const noexcept { return at_ != other.at_; }

 private:
  const char* at_;
  const char** reached_;
};

// Whether `digits`, an integer, is exactly `value`.
bool is_exactly(const std::string& digits, double value) {
  std::array<char, 352> exact;
  if (digits.size() >= exact.size()) return false;
  std::snprintf(exact.data(), exact.size(), "%.0f", value);
  return digits == exact.data();
}

class Handler : public nlohmann::json_sax<nlohmann::json> {
 public:
  Handler(JsonLimits limits, Json& root) noexcept : limits_(limits), root_(root) {}

  std::string error;
  bool from_parser = false;  // the grammar found it, at `position`; else the handler did
  std::size_t position = 0;

  bool null() override { return add(Json()); }
  bool boolean(bool value) override { return add(value); }
  bool number_integer(number_integer_t value) override { return add(value); }
  bool number_unsigned(number_unsigned_t value) override {
    const auto largest = static_cast<number_unsigned_t>(std::numeric_limits<std::int64_t>::max());
    if (value <= largest) return add(value);
    return large_integer(static_cast<double>(value), std::to_string(value));
  }
  bool number_float(number_float_t value, const string_t& text) override {
    if (text.find_first_of(".eE") != string_t::npos) return add(value);
    return large_integer(value, text);
  }
  bool string(string_t& value) override { return add(std::move(value)); }
  bool binary(binary_t&) override { return fail("there is no binary value in JSON"); }

  bool start_object(std::size_t) override { return open(Json::object()); }
  bool start_array(std::size_t) override { return open(Json::array()); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }

  bool key(string_t& name) override {
    Open& top = open_.back();
    Json::Object& members = *top.json->if_object();
    if (!is_new_key(top, members, name)) {
      return fail("key '" + one_line(name, 64) + "' comes twice in one object");
    }
    members.push_back({std::move(name), Json()});
    return true;
  }

  bool parse_error(std::size_t at, const std::string&,
                   const nlohmann::json::exception& exception) override {
    from_parser = true;
    position = at;
    error = exception.what();
    return false;
  }

 private:
  // An array or object that is not yet closed. The pointer holds: while it is open nothing is
  // added to what contains it.
  struct Open {
    Json* json;
    std::unique_ptr<std::set<std::string, std::less<>>> keys;  // once there are many
  };

  // Comparing in turn is quicker for the usual object; the set keeps a hostile one from taking
  // quadratic time.
  static bool is_new_key(Open& top, const Json::Object& members, const std::string& name) {
    constexpr std::size_t kMany = 16;
    if (members.size() < kMany) {
      return std::none_of(members.begin(), members.end(),
                          [&](const Json::Member& member) { return member.key == name; });
    }
    if (!top.keys) {
      top.keys = std::make_unique<std::set<std::string, std::less<>>>();
      for (const Json::Member& member : members) top.keys->insert(member.key);
    }
    return top.keys->insert(name).second;
  }

  bool fail(std::string why) {
    error = std::move(why);
    return false;
  }

  bool large_integer(double value, const std::string& text) {
    if (is_exactly(text, value)) return add(value);
    return fail("the integer " + one_line(text, 40) +
                " fits neither 64 bits nor a double exactly; write it as a string");
  }

  Json* place(Json value) {
    if (open_.empty()) {
      root_ = std::move(value);
      return &root_;
    }
    Json& container = *open_.back().json;
    if (Json::Object* members = container.if_object()) {
      members->back().value = std::move(value);
      return &members->back().value;
    }
    return &container.push_back(std::move(value));
  }

  bool add(Json value) {
    if (++values_ > limits_.values) {
      return fail("more than " + std::to_string(limits_.values) + " values");
    }
    place(std::move(value));
    return true;
  }

  bool open(Json container) {
    if (open_.size() >= limits_.depth) {
      return fail("nested deeper than " + std::to_string(limits_.depth) + " levels");
    }
    if (++values_ > limits_.values) {
      return fail("more than " + std::to_string(limits_.values) + " values");
    }
    open_.push_back({place(std::move(container)), nullptr});
    return true;
  }

  bool close() {
    open_.pop_back();
    return true;
  }

  JsonLimits limits_;
  Json& root_;
  std::vector<Open> open_;
  std::size_t values_ = 0;
};

// "line 3, column 7", both from 1, of the byte before `end`.
std::string place_name(std::string_view text, std::size_t end) {
  const std::string_view before = text.substr(0, end == 0 ? 0 : end - 1);
  const auto lines = std::count(before.begin(), before.end(), '\n');
  const std::size_t last = before.rfind('\n');
  const std::size_t column =
      last == std::string_view::npos ? before.size() : before.size() - last - 1;
  return "line " + std::to_string(lines + 1) + ", column " + std::to_string(column + 1);
}

// Of "[json.exception.parse_error.101] parse error at line 1, column 2: syntax error while parsing
// value - invalid literal; last read: '…'" only what says why: the text read may be a secret.
std::string reason_of(std::string_view what) {
  for (std::string_view prefix : {"] ", "parse error", ": ", "syntax error "}) {
    const std::size_t at = what.find(prefix);
    if (at != std::string_view::npos) what.remove_prefix(at + prefix.size());
  }
  what = what.substr(0, what.find("; last read"));
  if (what.starts_with("number overflow")) what = "a number is too large for a double";
  return std::string(utf8_cut(what, 200));
}

}  // namespace

Result<Json> Json::parse(std::string_view text, JsonLimits limits) {
  if (text.size() > limits.bytes) {
    return Status(Cause::kDecode, "the JSON text has " + std::to_string(text.size()) +
                                      " bytes, at most " + std::to_string(limits.bytes) +
                                      " are read");
  }
  try {
    Json root;
    Handler handler(limits, root);
    const char* const begin = text.data();
    const char* const end = begin + text.size();
    const char* reached = begin;
    if (nlohmann::json::sax_parse(Cursor(begin, &reached), Cursor(end, &reached), &handler)) {
      return root;
    }
    const auto consumed = static_cast<std::size_t>(reached - begin);
    if (!handler.from_parser) {
      return Status(Cause::kDecode, place_name(text, consumed) + ": " + handler.error);
    }
    return Status(Cause::kDecode,
                  place_name(text, handler.position) + ": " + reason_of(handler.error));
  } catch (const std::bad_alloc&) {
    return Status(Cause::kNoMemory, "no memory to read a JSON text");
  }
}

}  // namespace tidegate::internal
