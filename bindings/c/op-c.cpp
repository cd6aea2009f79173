// SPDX-License-Identifier: Apache-2.0
#include <cxxabi.h>

#include <functional>
#include <memory>
#include <type_traits>
#include <utility>

#include "answer.hpp"
#include "guard.hpp"
#include "objects.hpp"

namespace tidegate::c {
namespace {

constexpr char kOpType[] = "tidegate_op";

// A callback that is called exactly once: on the callback thread, or, where that has ended and
// drops it, when it goes. It keeps its operation's handle.
class Callback {
 public:
  Callback(tidegate_done_fn fn, UserData user) noexcept : fn_(fn), user_(std::move(user)) {}
  Callback(const Callback&) = delete;
  Callback& operator=(const Callback&) = delete;
  ~Callback() {
    if (op_) run_dropping_exceptions([this] { call(); });
  }

  // From now on it will be called.
  void arm(tidegate_op* op) noexcept { op_ = op; }

  void call() {
    const InsideCallback inside;
    const std::unique_ptr<tidegate_op, void (*)(tidegate_op*)> op(
        std::exchange(op_, nullptr), [](tidegate_op* held) { release(held); });
    try {
      fn_(op.get(), user_.get());
    } catch (abi::__forced_unwind&) {
      user_.forget();
      throw;
    } catch (...) {
      user_.give_back();
      throw;
    }
    user_.give_back();
  }

 private:
  const tidegate_done_fn fn_;
  UserData user_;
  tidegate_op* op_ = nullptr;
};

// `read(answer)` of whichever kind the answer is; a response is none.
template <class Read>
Status with_answer(const OpState& op, Read read) {
  Status status = op.status();
  if (!status.ok()) return status;
  return op.visit([&]<class T>(const Result<T>& result) {
    if constexpr (std::is_same_v<T, Response>) {
      return bad_argument("a request has a response: tidegate_op_response()");
    } else if constexpr (std::is_same_v<T, ResponseStream>) {
      return bad_argument("a request that is streamed has a stream: tidegate_op_stream()");
    } else if constexpr (std::is_same_v<T, Bytes>) {
      return bad_argument("a read of a stream has bytes, and no answer");
    } else if constexpr (std::is_same_v<T, std::size_t>) {
      return bad_argument("a write of a body has no answer");
    } else if constexpr (std::is_same_v<T, Duration>) {
      return bad_argument("a turn has no answer");
    } else if constexpr (std::is_same_v<T, GatePermit>) {
      return bad_argument("a gate's turn has a permit: tidegate_op_permit()");
    } else {
      return read(*result);
    }
  });
}

// What a read of a stream has brought; null where there is none, or it was no read.
const Bytes* chunk_of(const OpState& op) {
  if (!op.done()) return nullptr;
  return op.visit([]<class T>(const Result<T>& result) -> const Bytes* {
    if constexpr (std::is_same_v<T, Bytes>) {
      return result.ok() ? &*result : nullptr;
    } else {
      return nullptr;
    }
  });
}

BlobPtr blob_of(const Answer<BlobPtr>& answer) { return answer.value; }
BlobPtr blob_of(const Answer<Bytes>& answer) { return std::make_shared<const Blob>(answer.value); }

}  // namespace
}  // namespace tidegate::c

using namespace tidegate;     // NOLINT(google-build-using-namespace)
using namespace tidegate::c;  // NOLINT(google-build-using-namespace)

tidegate_status tidegate_op_wait(const tidegate_op* handle, int64_t timeout_ms) {
  return guard(nullptr, [&] {
    const Pin op(handle);
    if (!op) return no_handle(handle, kOpType);
    return op->op->wait_until(deadline_in_ms(timeout_ms)) ? Status() : op->op->status();
  });
}

int tidegate_op_done(const tidegate_op* handle) {
  return guard_value(0, [&] {
    const Pin op(handle);
    return op && op->op->done() ? 1 : 0;
  });
}

tidegate_status tidegate_op_cancel(tidegate_op* handle) {
  return guard(nullptr, [&] {
    const Pin op(handle);
    if (!op) return no_handle(handle, kOpType);
    op->op->cancel();
    return Status();
  });
}

tidegate_status tidegate_op_on_done(tidegate_op* handle, tidegate_done_fn fn, void* user,
                                    tidegate_free_fn user_free, tidegate_error** err) {
  return guard(err, [&] {
    UserData data(user, user_free);
    const Pin op(handle);
    if (!op) return no_handle(handle, kOpType);
    if (!fn) return bad_argument("the callback is NULL");
    auto callback = std::make_shared<Callback>(fn, std::move(data));
    std::function<void()> work = [callback] { callback->call(); };
    callback->arm(op->op->share());
    callback.reset();
    internal::call_when_done(*op->op, nullptr, std::move(work));
    return Status();
  });
}

tidegate_status tidegate_op_status(const tidegate_op* handle, tidegate_error** err) {
  return guard(err, [&] {
    const Pin op(handle);
    return op ? op->op->status() : no_handle(handle, kOpType);
  });
}

tidegate_status tidegate_op_answer(const tidegate_op* handle, tidegate_answer* answer,
                                   tidegate_error** err) {
  return guard(err, [&] {
    if (!answer) return bad_argument("there is no place for the answer: it is NULL");
    const Pin op(handle);
    if (!op) return no_handle(handle, kOpType);
    return with_answer(*op->op, [&](const auto& from) { return write_answer(from, answer); });
  });
}

tidegate_status tidegate_op_rows(const tidegate_op* handle, tidegate_rows** rows,
                                 tidegate_error** err) {
  return guard(err, [&] {
    Status status = clear(rows);
    if (!status.ok()) return status;
    const Pin op(handle);
    if (!op) return no_handle(handle, kOpType);
    return with_answer(*op->op, [&]<class T>(const Answer<T>& answer) {
      if constexpr (std::is_same_v<T, Rows>) {
        return give(rows, std::make_unique<RowsObject>(answer.value));
      } else {
        return bad_argument("the answer of a call or a cache has bytes, and no rows");
      }
    });
  });
}

tidegate_status tidegate_op_bytes(const tidegate_op* handle, tidegate_bytes** bytes,
                                  tidegate_error** err) {
  return guard(err, [&] {
    Status status = clear(bytes);
    if (!status.ok()) return status;
    const Pin op(handle);
    if (!op) return no_handle(handle, kOpType);
    if (const Bytes* const chunk = chunk_of(*op->op)) {
      return give(bytes, std::make_unique<BytesObject>(std::make_shared<const Blob>(*chunk)));
    }
    return with_answer(*op->op, [&]<class T>(const Answer<T>& answer) {
      if constexpr (std::is_same_v<T, Rows>) {
        return bad_argument("the answer of a query has rows, and no bytes");
      } else {
        return give(bytes, std::make_unique<BytesObject>(blob_of(answer)));
      }
    });
  });
}

tidegate_error* tidegate_op_reason(const tidegate_op* handle) {
  tidegate_error* reason = nullptr;
  guard(nullptr, [&] {
    const Pin op(handle);
    if (!op) return Status();
    return with_answer(*op->op, [&](const auto& answer) {
      report(answer.reason, &reason);
      return Status();
    });
  });
  return reason;
}

tidegate_status tidegate_op_retain(tidegate_op* op) {
  return guard(nullptr, [&] { return retain(op) ? Status() : no_handle(op, kOpType); });
}

void tidegate_op_release(tidegate_op* op) { give_back(op); }
