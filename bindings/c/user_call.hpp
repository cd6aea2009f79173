// SPDX-License-Identifier: Apache-2.0
//
// UserCall: a callable of the user's, which runs once at most, and its data, which is given back
// exactly once: after the run, or when it is clear that there will be none.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <utility>

#include "tidegate/c.h"
#include "tidegate/status.hpp"
#include "tidegate/work.hpp"
#include "user.hpp"

namespace tidegate::c {

class Blob;

class UserCall {
 public:
  UserCall(tidegate_call_fn fn, UserData user) noexcept : fn_(fn), user_(std::move(user)) {}

  Result<std::shared_ptr<const Blob>> run(const StopSignal& stop);

  // It will not run any more, unless it does already.
  void drop() noexcept;

 private:
  const tidegate_call_fn fn_;
  std::optional<UserData> user_;  // of whoever took it
  std::atomic<bool> taken_{false};
};

}  // namespace tidegate::c
