// SPDX-License-Identifier: Apache-2.0
#include "base/root.hpp"

#include <new>
#include <string>
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

namespace {

std::string sentence(std::string_view who, std::string_view does) noexcept try {
  return std::string(who).append(does);
} catch (const std::bad_alloc&) {
  return {};
}

}  // namespace

Status status_of(const std::exception_ptr& error, Cause cause, std::string_view who) noexcept try {
  std::rethrow_exception(error);
} catch (const std::bad_alloc&) {
  return Status(Cause::kNoMemory, sentence(who, " ran out of memory"));
} catch (const std::exception& thrown) {
  const std::string begin = sentence(who, " threw: ");
  return Status(cause, sentence(begin, thrown.what()));
} catch (...) {
  return Status(cause, sentence(who, " threw something that is no std::exception"));
}

}  // namespace tidegate::internal
