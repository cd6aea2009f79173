// SPDX-License-Identifier: Apache-2.0
//
// Headers: the fields of an HTTP message, in the order in which they are sent or came.
//
//   tidegate::Headers headers;
//   headers.add("Accept", "application/json").add("X-Trace", id);
//   headers.find("accept");                       // "application/json": case does not matter
//   for (const auto& field : headers) log(field.name, field.value);
//
// Names are kept as they are written and compared without regard to case. One name may stand there
// several times; nothing is joined. Values are bytes: what a server sends need not be UTF-8. Nothing
// is checked here; a request's fields are when it is sent (http.hpp).
//
// A value like std::vector: copies are independent. A search reads all fields.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tidegate {

class Headers {
 public:
  struct Field {
    std::string name;
    std::string value;
    bool operator==(const Field&) const = default;
  };

  // Appends a field, whether the name is there or not.
  Headers& add(std::string name, std::string value) {
    if (fields_.capacity() == 0) fields_.reserve(8);
    fields_.push_back(Field{std::move(name), std::move(value)});
    return *this;
  }
  // The only field of its name from now on, at the end.
  Headers& set(std::string name, std::string value) {
    remove(name);
    return add(std::move(name), std::move(value));
  }
  // How many there were.
  std::size_t remove(std::string_view name);

  // The first value of a name. Valid until the fields are changed.
  std::optional<std::string_view> find(std::string_view name) const noexcept;
  bool contains(std::string_view name) const noexcept { return find(name).has_value(); }
  // All of them, in their order.
  std::vector<std::string_view> all(std::string_view name) const;

  std::size_t size() const noexcept { return fields_.size(); }
  bool empty() const noexcept { return fields_.empty(); }
  auto begin() const noexcept { return fields_.begin(); }
  auto end() const noexcept { return fields_.end(); }

  bool operator==(const Headers&) const = default;

 private:
  std::vector<Field> fields_;
};

}  // namespace tidegate
