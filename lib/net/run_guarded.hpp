// SPDX-License-Identifier: Apache-2.0
//
// run_guarded(): runs code of the user's on a thread of ours. An exception is logged under `topic`
// and goes no further; the unwinding of a cancelled thread does.
#pragma once

#include <functional>

namespace tidegate::internal {

void run_guarded(const char* topic, const std::function<void()>& work);

}  // namespace tidegate::internal
