// SPDX-License-Identifier: Apache-2.0
// How many threads of the library's own are alive in this process; zero again in a child after
// fork().
#pragma once

#include <cstddef>

namespace tidegate::internal {

void thread_count_add(int change) noexcept;
std::size_t thread_count_now() noexcept;

}  // namespace tidegate::internal
