// SPDX-License-Identifier: Apache-2.0
//
// Multipart: a form with files, the body of the type multipart/form-data (RFC 7578).
//
//   tidegate::Multipart form;
//   form.field("make", "Audi").file("photo", "a4.jpg", bytes, "image/jpeg");
//   auto response = http.post(url).body(form).start().wait();
//
// The parts are sent in the order in which they were added, and a name may come again. Names and the
// names of files are UTF-8; a quote and a line break in one is percent-encoded, as browsers do it, so
// that no name can begin a field or a part of its own. A value is any bytes. A type that is no
// field's value refuses the request: status().
//
// The body is one string of bytes, so that a request with one is tried again and redirected like any
// other. What is larger than memory allows goes another way: it is the body of a request by itself.
//
// Thread-safety: that of a string. Cost: each byte is copied once, when it is added; a Multipart may
// be used for many requests, and its copies have the same boundary.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "tidegate/bytes.hpp"
#include "tidegate/status.hpp"

namespace tidegate {

class Multipart {
 public:
  // Its boundary has 128 random bits.
  Multipart();

  Multipart& field(std::string_view name, std::string_view value);
  Multipart& file(std::string_view name, std::string_view filename, std::string_view content,
                  std::string_view content_type = "application/octet-stream");
  // Any part; without a type where that is empty.
  Multipart& part(std::string_view name, std::optional<std::string_view> filename,
                  std::string_view content, std::string_view content_type);

  // OK, or which part cannot be sent.
  const Status& status() const noexcept { return status_; }
  // With the boundary.
  std::string content_type() const;
  // The body with its end.
  Bytes body() const;

 private:
  std::string boundary_;
  std::string parts_;
  Status status_;
};

}  // namespace tidegate
