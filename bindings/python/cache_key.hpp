// SPDX-License-Identifier: Apache-2.0
//
// Keys of Python values: bytes that are equal exactly where type and value are, the same in every
// process and every Python. python/tidegate/_keys.py documents the format.
#pragma once

#include <array>
#include <cstring>
#include <string>
#include <string_view>

#include "python.hpp"

namespace tidegate::python {

// Grows; short keys need no allocation.
class KeyBytes {
 public:
  void add(char byte) { add(&byte, 1); }
  void add(const void* data, std::size_t size) {
    if (size > room_) grow(size);
    std::memcpy(end_, data, size);
    end_ += size;
    room_ -= size;
  }
  void add(std::string_view bytes) { add(bytes.data(), bytes.size()); }
  std::string_view view() const {
    const char* const begin = large_.empty() ? small_.data() : large_.data();
    return {begin, static_cast<std::size_t>(end_ - begin)};
  }

 private:
  void grow(std::size_t size) {
    const std::string_view known = view();
    std::string larger(2 * (known.size() + size), '\0');
    std::memcpy(larger.data(), known.data(), known.size());
    const std::size_t used = known.size();
    large_.swap(larger);
    end_ = large_.data() + used;
    room_ = large_.size() - used;
  }

  std::array<char, 240> small_;
  std::string large_;
  char* end_ = small_.data();
  std::size_t room_ = small_.size();
};

inline constexpr char kKeyVersion = 1;

// Both false with an exception set: TypeError where a value can be no key.
bool add_value(PyObject* value, KeyBytes& key);
inline bool add_key(PyObject* value, KeyBytes& key) {
  key.add(kKeyVersion);
  return add_value(value, key);
}

}  // namespace tidegate::python
