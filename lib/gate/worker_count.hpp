// SPDX-License-Identifier: Apache-2.0
//
// How many processes of this program work side by side, and who says so: the program by
// expect_workers(), or the environment that servers are told by.
//
// Any thread. Cost: some look-ups in the environment, where an object is made.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "policy/lint.hpp"

namespace tidegate::internal {

policy::LintWorkers workers_seen() noexcept;

// "-w 4", "--workers=4" or "--workers 4" among the arguments of gunicorn: the last one counts.
std::optional<std::size_t> workers_in_arguments(std::string_view arguments) noexcept;

}  // namespace tidegate::internal
