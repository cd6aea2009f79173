// SPDX-License-Identifier: Apache-2.0
#include "base/root.hpp"

#include <new>
#include <utility>

namespace tidegate::internal {

void Root::start(Task<void> flow) noexcept {
  flow_ = std::move(flow);
  flow_.frame().promise().run_as(scope_, *this);
  handle_ = flow_.frame();
  Ready::scope_ = &scope_;
  scope_.loop().ready(*this);
}

void Root::frame_ended() noexcept {
  std::exception_ptr error = flow_.frame().promise().take_error();
  {
    const Task<void> gone = std::move(flow_);
  }
  ended(std::move(error));
}

Status status_of(const std::exception_ptr& error) noexcept try {
  std::rethrow_exception(error);
} catch (const std::bad_alloc&) {
  return Status(Cause::kNoMemory, "a flow ran out of memory");
} catch (const std::exception& thrown) {
  return Status(Cause::kInternal, thrown.what());
} catch (...) {
  return Status(Cause::kInternal, "a flow threw something that is no std::exception");
}

}  // namespace tidegate::internal
