// SPDX-License-Identifier: Apache-2.0
//
// BLAKE2b with a digest of 128 bits and no key, after RFC 7693. The same on every machine and in
// every language: Python has it as hashlib.blake2b(data, digest_size=16).
//
// Pure, any thread. Cost: 0.2 us for each 128 bytes begun.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace tidegate::internal {

std::array<std::uint8_t, 16> blake2b_128(std::string_view data) noexcept;

}  // namespace tidegate::internal
