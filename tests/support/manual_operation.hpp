// SPDX-License-Identifier: Apache-2.0
// An operation that a test ends by hand.
#pragma once

#include <optional>
#include <utility>

#include "tidegate/operation.hpp"

namespace tidegate::test {

template <class T>
class ManualState final : public internal::OperationState {
 public:
  void cancel() noexcept override { end(Status(Cause::kCancelled, "cancelled by hand")); }
  const void* result() const noexcept override { return &*result_; }

  // True if this call was the one that ended it.
  bool end(Result<T> result) {
    if (!claim()) return false;
    result_.emplace(std::move(result));
    publish();
    return true;
  }

 private:
  std::optional<Result<T>> result_;
};

template <class T>
class ManualOperation {
 public:
  ManualOperation()
      : state_(new ManualState<T>), operation_(internal::OperationRef::adopt(state_)) {}
  bool end(Result<T> result) { return state_->end(std::move(result)); }
  Operation<T>& operation() { return operation_; }

 private:
  ManualState<T>* state_;
  Operation<T> operation_;
};

}  // namespace tidegate::test
