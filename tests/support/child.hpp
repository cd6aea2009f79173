// SPDX-License-Identifier: Apache-2.0
// Child processes of a test: a fork that runs a function, or this program again with one of its
// test cases.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>

namespace tidegate::test {

// Forks; the child runs `body` and ends with its result by _exit(), the parent returns it. A child
// that does not end within half a minute is killed and gives -1.
int in_child(const std::function<int()>& body);

// Runs this program's test case `name`, which is marked skip() and ends the process itself: the
// exit code, or -1000 minus the signal.
int run_program(const std::string& name);

}  // namespace tidegate::test
