// SPDX-License-Identifier: Apache-2.0
//
// What a server does to a body: content codings, and bombs in them.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace tidegate::test {

// "gzip", "deflate", "raw deflate", "br" and "zstd".
const std::vector<std::string>& encodings();
// What stands in Content-Encoding for it.
std::string field_of(std::string_view encoding);

// With a checksum where the coding has one.
std::string encode(std::string_view encoding, std::string_view text);

// So many MiB of zeros, made without ever being there.
std::string bomb(std::string_view encoding, std::size_t mebibytes);

}  // namespace tidegate::test
