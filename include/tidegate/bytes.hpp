// SPDX-License-Identifier: Apache-2.0
//
// Bytes: an immutable run of bytes with shared ownership, so that a body or a cell crosses threads
// and languages without being copied. Copying a Bytes copies a pointer; the memory goes with the
// last copy. Any thread.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace tidegate {

class Bytes {
 public:
  Bytes() noexcept = default;

  // Takes the string's memory over; copies nothing beyond what std::string's move does.
  explicit Bytes(std::string text) : text_(std::make_shared<const std::string>(std::move(text))) {}

  static Bytes copy_of(std::string_view text) { return Bytes(std::string(text)); }

  const char* data() const noexcept { return text_ ? text_->data() : ""; }
  std::size_t size() const noexcept { return text_ ? text_->size() : 0; }
  bool empty() const noexcept { return size() == 0; }
  std::string_view view() const noexcept { return {data(), size()}; }

 private:
  std::shared_ptr<const std::string> text_;
};

}  // namespace tidegate
