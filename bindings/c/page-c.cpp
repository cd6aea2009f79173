// SPDX-License-Identifier: Apache-2.0
#include "guard.hpp"
#include "objects.hpp"

namespace tidegate::c {
namespace {

constexpr char kPageType[] = "tidegate_page";

void cancel_all(const PageObject& page) {
  page.for_each([](OpState& op) { op.cancel(); });
}

}  // namespace
}  // namespace tidegate::c

using namespace tidegate;     // NOLINT(google-build-using-namespace)
using namespace tidegate::c;  // NOLINT(google-build-using-namespace)

tidegate_status tidegate_page_create(int64_t timeout_ms, tidegate_page** page,
                                     tidegate_error** err) {
  return guard(err, [&] {
    Status ready = clear(page);
    if (!ready.ok()) return ready;
    return give(page, std::make_unique<PageObject>(deadline_in_ms(timeout_ms)));
  });
}

tidegate_status tidegate_page_wait(const tidegate_page* handle, int64_t timeout_ms) {
  return guard(nullptr, [&] {
    const Pin page(handle);
    if (!page) return no_handle(handle, kPageType);
    const Deadline until = deadline_in_ms(timeout_ms);
    Status first;
    page->for_each([&](OpState& op) {
      if (!op.wait_until(until) && first.ok()) first = op.status();
    });
    return first;
  });
}

tidegate_status tidegate_page_cancel(tidegate_page* handle) {
  return guard(nullptr, [&] {
    const Pin page(handle);
    if (!page) return no_handle(handle, kPageType);
    cancel_all(*page);
    return Status();
  });
}

size_t tidegate_page_size(const tidegate_page* handle) {
  return guard_value<size_t>(0, [&] {
    const Pin page(handle);
    size_t calls = 0;
    if (page) page->for_each([&](const OpState&) { ++calls; });
    return calls;
  });
}

size_t tidegate_page_done(const tidegate_page* handle) {
  return guard_value<size_t>(0, [&] {
    const Pin page(handle);
    size_t ended = 0;
    if (page) page->for_each([&](const OpState& op) { ended += op.done() ? 1 : 0; });
    return ended;
  });
}

int64_t tidegate_page_left_ms(const tidegate_page* handle) {
  return guard_value<int64_t>(0, [&]() -> int64_t {
    const Pin page(handle);
    if (!page) return 0;
    return page->deadline.is_never() ? -1 : to_ms(page->deadline.left());
  });
}

void tidegate_page_destroy(tidegate_page* handle) {
  guard(nullptr, [&] {
    const Pin page(handle);
    if (page && release(handle)) cancel_all(*page);
    return Status();
  });
}
