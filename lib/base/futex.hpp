// SPDX-License-Identifier: Apache-2.0
//
// Futex: sleeping on an atomic word until a deadline. std::atomic::wait has none. Works without any
// state of its own, so that it may be used around fork(). Linux only; futex(2).
#pragma once

#include <atomic>
#include <cstdint>

#include "tidegate/deadline.hpp"

namespace tidegate::internal {

// Sleeps while `word` holds `expected`, at most until `until`. Spurious returns are allowed.
void futex_wait(const std::atomic<std::uint32_t>& word, std::uint32_t expected,
                Deadline until) noexcept;

void futex_wake_one(const std::atomic<std::uint32_t>& word) noexcept;
void futex_wake_all(const std::atomic<std::uint32_t>& word) noexcept;

}  // namespace tidegate::internal
