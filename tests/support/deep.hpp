// SPDX-License-Identifier: Apache-2.0
// How much of a repetition to run: all of it in `make check`, a taste of it in `make test`.
#pragma once

#include <cstdlib>

namespace tidegate::test {

inline int repeat(int quick, int deep) { return std::getenv("TIDEGATE_DEEP") ? deep : quick; }

}  // namespace tidegate::test
