// SPDX-License-Identifier: Apache-2.0
//
// PlainUrl: most URLs that a program sends are written as they will be sent: in small letters,
// without a '#', a user, a dot segment or a letter that could be read in two ways. Those are split
// here, in a tenth of the 3 us that libcurl's parser takes; about all others nothing is said, and
// libcurl reads them. What is said is what libcurl would say, which a test compares.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace tidegate::internal {

struct PlainUrl {
  std::string_view scheme;
  std::string_view host;
  std::string_view port;  // empty where it is the scheme's
  std::size_t query;      // where it begins, with its '?'; else the URL's end

  // Empty where the URL is not plain. Views of `text`.
  static std::optional<PlainUrl> split(std::string_view text) noexcept;
};

}  // namespace tidegate::internal
