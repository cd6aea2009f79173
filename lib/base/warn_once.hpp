// SPDX-License-Identifier: Apache-2.0
//
// warn_once(): a warning in the log that is said once in a process for each rule and name, however
// many objects of that name are made.
//
//   warn_once("workers", "gate 'encar'", "4 workers count each for themselves: …");
//   // tidegate warning: config: gate 'encar': 4 workers count each for themselves: …
//
// A child of a fork has what its parent has said. Any thread; no lock is taken. Kept for ever are the
// first 1024 pairs: beyond them nothing is said, so that names that are made up do not fill memory.
#pragma once

#include <string_view>

namespace tidegate::internal {

void warn_once(std::string_view rule, std::string_view name, std::string_view text) noexcept;

}  // namespace tidegate::internal
