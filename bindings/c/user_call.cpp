// SPDX-License-Identifier: Apache-2.0
#include "user_call.hpp"

#include <cxxabi.h>

#include <string>

#include "guard.hpp"
#include "objects.hpp"

namespace tidegate::c {

namespace {

// What a callable left behind; given back whatever happens.
struct Outcome {
  tidegate_bytes* bytes = nullptr;
  tidegate_error* error = nullptr;
  Outcome() = default;
  Outcome(const Outcome&) = delete;
  Outcome& operator=(const Outcome&) = delete;
  ~Outcome() {
    release(bytes);
    release(error);
  }
};

Result<BlobPtr> result_of(tidegate_status status, const Outcome& outcome) {
  if (status != TIDEGATE_OK) {
    if (const ErrorObject* error = peek(outcome.error)) return error->status;
    return Status(Cause::kCallableFailed,
                  std::string("the callable returned ") + tidegate_status_name(status));
  }
  if (!outcome.bytes) return std::make_shared<const Blob>(std::string());
  if (const BytesObject* bytes = peek(outcome.bytes)) return bytes->blob;
  return Status(Cause::kCallableFailed, "the callable's result is no tidegate_bytes");
}

// The tidegate_stop of one run.
class StopHandle {
 public:
  explicit StopHandle(const StopSignal& stop)
      : handle_(add<tidegate_stop>(std::make_unique<StopObject>(stop))) {}
  StopHandle(const StopHandle&) = delete;
  StopHandle& operator=(const StopHandle&) = delete;
  ~StopHandle() { release(handle_); }
  const tidegate_stop* get() const noexcept { return handle_; }

 private:
  tidegate_stop* handle_;
};

}  // namespace

Result<BlobPtr> UserCall::run(const StopSignal& stop) {
  if (taken_.exchange(true)) return Status(Cause::kCancelled, "given up before it ran");
  const InsideCallback inside;
  const StopHandle handle(stop);
  Outcome outcome;
  try {
    const tidegate_status status = fn_(handle.get(), user_->get(), &outcome.bytes, &outcome.error);
    user_->give_back();
    return result_of(status, outcome);
  } catch (abi::__forced_unwind&) {
    user_->forget();
    throw;
  } catch (...) {
    user_->give_back();
    throw;
  }
}

void UserCall::drop() noexcept {
  if (!taken_.exchange(true)) user_.reset();
}

}  // namespace tidegate::c
