// SPDX-License-Identifier: Apache-2.0
#include "tidegate/multipart.hpp"

#include <array>
#include <cstdio>

#include "base/seed.hpp"
#include "http/rules.hpp"

namespace tidegate {

namespace {

std::string fresh_boundary() {
  std::array<char, 48> text{};
  (void)std::snprintf(text.data(), text.size(), "tidegate-%016llx%016llx",
                      static_cast<unsigned long long>(internal::fresh_seed()),
                      static_cast<unsigned long long>(internal::fresh_seed()));
  return text.data();
}

void append_quoted(std::string& to, std::string_view name) {
  to += '"';
  for (const char c : name) {
    switch (c) {
      case '"': to += "%22"; break;
      case '\r': to += "%0D"; break;
      case '\n': to += "%0A"; break;
      default: to += c;
    }
  }
  to += '"';
}

}  // namespace

Multipart::Multipart() : boundary_(fresh_boundary()) {}

Multipart& Multipart::field(std::string_view name, std::string_view value) {
  return part(name, std::nullopt, value, {});
}

Multipart& Multipart::file(std::string_view name, std::string_view filename,
                           std::string_view content, std::string_view content_type) {
  return part(name, filename, content, content_type);
}

Multipart& Multipart::part(std::string_view name, std::optional<std::string_view> filename,
                           std::string_view content, std::string_view content_type) {
  if (status_.ok()) status_ = internal::check_value("Content-Type", content_type);
  parts_ += "--" + boundary_ + "\r\nContent-Disposition: form-data; name=";
  append_quoted(parts_, name);
  if (filename) {
    parts_ += "; filename=";
    append_quoted(parts_, *filename);
  }
  if (!content_type.empty()) parts_.append("\r\nContent-Type: ").append(content_type);
  parts_.append("\r\n\r\n").append(content).append("\r\n");
  return *this;
}

std::string Multipart::content_type() const { return "multipart/form-data; boundary=" + boundary_; }

Bytes Multipart::body() const { return Bytes(parts_ + "--" + boundary_ + "--\r\n"); }

}  // namespace tidegate
