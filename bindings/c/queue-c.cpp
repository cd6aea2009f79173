// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <new>
#include <span>

#include "guard.hpp"
#include "objects.hpp"

namespace tidegate::c {
namespace {

constexpr char kQueueType[] = "tidegate_queue";
constexpr std::size_t kBatch = 64;

tidegate_event event_of(const Completion& completion) noexcept {
  auto& op = static_cast<OpState&>(*completion.operation.get());
  tidegate_event event{completion.tag, nullptr, report(op.status(), nullptr), 0};
  try {
    event.op = op.share();
  } catch (const std::bad_alloc&) {
  }
  return event;
}

}  // namespace
}  // namespace tidegate::c

using namespace tidegate;     // NOLINT(google-build-using-namespace)
using namespace tidegate::c;  // NOLINT(google-build-using-namespace)

tidegate_status tidegate_queue_create(tidegate_queue** queue, tidegate_error** err) {
  return guard(err, [&] {
    Status ready = clear(queue);
    return ready.ok() ? give(queue, std::make_unique<QueueObject>()) : ready;
  });
}

int tidegate_queue_fd(tidegate_queue* handle) {
  return guard_value(-1, [&] {
    const Pin queue(handle);
    return queue ? queue->queue.fd() : -1;
  });
}

tidegate_status tidegate_queue_add(tidegate_queue* handle, tidegate_op* op_handle, uint64_t tag,
                                   tidegate_error** err) {
  return guard(err, [&] {
    const Pin queue(handle);
    if (!queue) return no_handle(handle, kQueueType);
    const Pin op(op_handle);
    if (!op) return no_handle(op_handle, "tidegate_op");
    queue->queue.add(op->op.state(), tag);
    return Status();
  });
}

size_t tidegate_queue_next(tidegate_queue* handle, tidegate_event* events, size_t count) {
  return guard_value<size_t>(0, [&] {
    const Pin queue(handle);
    size_t total = 0;
    if (!queue || !events) return total;
    std::array<Completion, kBatch> batch;
    while (total < count) {
      const size_t wanted = std::min(count - total, kBatch);
      const size_t taken = queue->queue.next(std::span(batch).first(wanted));
      std::transform(batch.begin(), batch.begin() + static_cast<std::ptrdiff_t>(taken),
                     events + total, event_of);
      total += taken;
      if (taken < wanted) break;
    }
    return total;
  });
}

size_t tidegate_queue_size(const tidegate_queue* handle) {
  return guard_value<size_t>(0, [&]() -> size_t {
    const Pin queue(handle);
    return queue ? queue->queue.size() : 0;
  });
}

void tidegate_queue_destroy(tidegate_queue* queue) { give_back(queue); }
