// SPDX-License-Identifier: Apache-2.0
//
// The process-wide runtime: the deadline thread, the callback thread, and the worker threads of
// every executor.
//
// It starts by itself and lazily: including a header, linking the library and constructing any
// object of tidegate start no thread and open no descriptor; the first operation does. It is never
// destroyed by static destructors. A child made by fork() starts with an empty runtime of its own,
// and every handle made before the fork works in it.
#pragma once

#include <cstddef>

#include "tidegate/deadline.hpp"
#include "tidegate/status.hpp"

namespace tidegate {

// Ends the runtime of this process for good: refuses new work (kClosed), ends every operation in
// flight with kClosed, interrupts what runs, joins all threads. Returns OK, or kNotReady with a
// count where threads were still inside code that does not return: those are abandoned, never
// joined. Idempotent; any thread but one of the library's own.
Status shutdown(Duration timeout = std::chrono::seconds(2));

// True once shutdown() has begun in this process.
bool is_shut_down() noexcept;

// Joins every thread of the library if no operation is in flight; they start again at the next
// operation. What waits for its time, a schedule or an invalidation that Redis could not be told,
// goes on in the parent right after a fork. To be called before fork() where the process should have
// one thread. False if work is in flight: then nothing was done.
bool quiesce();

// Threads of the library that are alive now.
std::size_t thread_count() noexcept;

}  // namespace tidegate
