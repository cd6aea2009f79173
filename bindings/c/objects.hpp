// SPDX-License-Identifier: Apache-2.0
//
// What is behind the handles of the C ABI: one class for each handle type, each a thin coat round
// something of the C++ API.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "handles.hpp"
#include "op_state.hpp"
#include "tidegate/bytes.hpp"
#include "tidegate/c.h"
#include "tidegate/config.hpp"
#include "tidegate/deadline.hpp"
#include "tidegate/queue.hpp"
#include "tidegate/rows.hpp"
#include "tidegate/status.hpp"
#include "tidegate/work.hpp"
#include "user.hpp"

namespace tidegate::c {

class ErrorObject final : public Object {
 public:
  explicit ErrorObject(Status what) : status(std::move(what)), message(status.message()) {}
  const Status status;
  const std::string message;
};

class ConfigObject final : public Object {
 public:
  Config config;
};

// The bytes of a tidegate_bytes, shared with the answers that hold them.
class Blob {
 public:
  explicit Blob(Bytes bytes) noexcept
      : bytes_(std::move(bytes)), view_(bytes_.view()), user_(nullptr, nullptr) {}
  explicit Blob(std::string text) : Blob(Bytes(std::move(text))) {}
  Blob(std::string_view bytes, UserData user) noexcept : view_(bytes), user_(std::move(user)) {}
  std::string_view view() const noexcept { return view_; }

  // The same as they are in C++; a copy of the user's own, which may go at any time.
  Bytes bytes() const { return bytes_.size() == view_.size() ? bytes_ : Bytes::copy_of(view_); }

 private:
  const Bytes bytes_;  // empty where they are the user's
  const std::string_view view_;
  const UserData user_;
};
using BlobPtr = std::shared_ptr<const Blob>;

class BytesObject final : public Object {
 public:
  explicit BytesObject(BlobPtr what) noexcept : blob(std::move(what)) {}
  explicit BytesObject(std::string text) : blob(std::make_shared<const Blob>(std::move(text))) {}
  const BlobPtr blob;
};

class ParamsObject final : public Object {
 public:
  Params params;
};

class RowsObject final : public Object {
 public:
  explicit RowsObject(Rows what) noexcept : rows(std::move(what)) {}
  const Rows rows;
};

class OpObject final : public Object {
 public:
  explicit OpObject(OpRef what) noexcept : op(std::move(what)) {}
  const OpRef op;
};

class StopObject final : public Object {
 public:
  explicit StopObject(const StopSignal& what) noexcept : signal(what) {}
  const StopSignal signal;
};

class QueueObject final : public Object {
 public:
  CompletionQueue queue;
};

// The calls of a page, newest first; only ever added to.
class PageObject final : public Object {
 public:
  struct Call {
    OpRef op;
    Call* next = nullptr;
  };
  explicit PageObject(Deadline until) noexcept : deadline(until) {}
  ~PageObject() override;
  void push(std::unique_ptr<Call> call) noexcept;

  template <class F>
  void for_each(F visit) const {
    for (Call* call = calls_.load(std::memory_order_acquire); call; call = call->next) {
      visit(*call->op);
    }
  }
  const Deadline deadline;

 private:
  std::atomic<Call*> calls_{nullptr};
};

class ExecutorObject;  // executor.hpp

template <>
struct ObjectOf<tidegate_error> : Behind<ErrorObject, Kind::kError> {};
template <>
struct ObjectOf<tidegate_config> : Behind<ConfigObject, Kind::kConfig> {};
template <>
struct ObjectOf<tidegate_bytes> : Behind<BytesObject, Kind::kBytes> {};
template <>
struct ObjectOf<tidegate_params> : Behind<ParamsObject, Kind::kParams> {};
template <>
struct ObjectOf<tidegate_rows> : Behind<RowsObject, Kind::kRows> {};
template <>
struct ObjectOf<tidegate_op> : Behind<OpObject, Kind::kOp> {};
template <>
struct ObjectOf<tidegate_stop> : Behind<StopObject, Kind::kStop> {};
template <>
struct ObjectOf<tidegate_page> : Behind<PageObject, Kind::kPage> {};
template <>
struct ObjectOf<tidegate_queue> : Behind<QueueObject, Kind::kQueue> {};
template <>
struct ObjectOf<tidegate_executor> : Behind<ExecutorObject, Kind::kExecutor> {};

// A duration of the C ABI as a deadline: negative never passes.
Deadline deadline_in_ms(std::int64_t timeout_ms) noexcept;
// Rounded up, so that what is left never reads 0.
std::int64_t to_ms(Duration duration) noexcept;

}  // namespace tidegate::c
