// SPDX-License-Identifier: Apache-2.0
// References to Python objects that threads without the GIL let go of.
#include <atomic>

#include "python.hpp"

namespace tidegate::python {

namespace {

struct Dead {
  PyObject* object;
  Dead* next;
};

std::atomic<Dead*> dead{nullptr};

// PyGILState_Check() says yes everywhere once there was a sub-interpreter.
bool has_gil() noexcept {
  PyThreadState* const mine = PyGILState_GetThisThreadState();
#if PY_VERSION_HEX >= 0x030D0000
  return mine && mine == PyThreadState_GetUnchecked();
#else
  return mine && mine == _PyThreadState_UncheckedGet();
#endif
}

}  // namespace

void drop_anywhere(PyObject* object) noexcept {
  if (!object) return;
  if (has_gil()) return Py_DECREF(object);
  auto* const node = new (std::nothrow) Dead{object, dead.load(std::memory_order_relaxed)};
  if (!node) return;  // rather a leak than a crash
  while (!dead.compare_exchange_weak(node->next, node, std::memory_order_release,
                                     std::memory_order_relaxed)) {
  }
}

void drop_what_waits() {
  if (!dead.load(std::memory_order_relaxed)) return;
  Dead* first = dead.exchange(nullptr, std::memory_order_acquire);
  while (first) {
    const Dead node = *first;
    delete first;
    first = node.next;
    Py_DECREF(node.object);
  }
}

}  // namespace tidegate::python
