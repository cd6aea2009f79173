// SPDX-License-Identifier: Apache-2.0
//
// Small things to do with text that came from elsewhere. Pure functions, any thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace tidegate::internal {

// The number of bytes of the well-formed UTF-8 character at the start of `text`, or 0 where there
// is none (RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF).
std::size_t utf8_length(std::string_view text) noexcept;

// `text` with every byte that is not part of well-formed UTF-8 replaced by U+FFFD.
std::string utf8_clean(std::string_view text);

// At most `size` bytes of `text`, never ending inside a character.
std::string_view utf8_cut(std::string_view text, std::size_t size) noexcept;

// `text` for one line of a log or a message: control characters and backslashes escaped, invalid
// UTF-8 replaced, and "…" at the end where more than about `size` bytes were cut off.
std::string one_line(std::string_view text, std::size_t size);

// ASCII letters alone, in any locale: `text` in lower case, and whether two words are the same but
// for the case of theirs.
std::string lower_case(std::string text) noexcept;
bool same_ignoring_case(std::string_view one, std::string_view other) noexcept;

// Without the white space at its ends: blanks, tabs, ends of lines.
std::string_view trimmed(std::string_view text) noexcept;

}  // namespace tidegate::internal
