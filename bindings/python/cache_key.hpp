// SPDX-License-Identifier: Apache-2.0
//
// Keys of Python values: bytes that are equal exactly where type and value are, the same in every
// process and every Python. python/tidegate/_keys.py documents the format.
#pragma once

#include <cstring>
#include <string>
#include <string_view>

#include "python.hpp"

namespace tidegate::python {

// Grows; short keys need no allocation.
class KeyBytes {
 public:
  // Makes sure that `size` more bytes fit; where they go.
  char* reserve(std::size_t size) {
    if (size > static_cast<std::size_t>(limit_ - end_)) [[unlikely]]
      grow(size);
    return end_;
  }
  void advance(char* end) noexcept { end_ = end; }
  void add(const void* data, std::size_t size) {
    std::memcpy(reserve(size), data, size);
    end_ += size;
  }
  void add(char byte) { add(&byte, 1); }
  std::string_view view() const noexcept {
    const char* const begin = large_.empty() ? small_ : large_.data();
    return {begin, static_cast<std::size_t>(end_ - begin)};
  }

 private:
  void grow(std::size_t size) {
    std::string larger(view());
    const std::size_t used = larger.size();
    larger.resize(2 * (used + size));
    large_.swap(larger);
    end_ = large_.data() + used;
    limit_ = large_.data() + large_.size();
  }

  char* end_ = small_;
  char* limit_ = small_ + sizeof small_;
  std::string large_;
  char small_[120] = {};
};

inline constexpr char kKeyVersion = 1;

// Both false with an exception set: TypeError where a value can be no key.
bool add_value(PyObject* value, KeyBytes& key);
inline bool add_key(PyObject* value, KeyBytes& key) {
  key.add(kKeyVersion);
  return add_value(value, key);
}

}  // namespace tidegate::python
