// SPDX-License-Identifier: Apache-2.0
//
// Dispatcher: where code of the user's runs. tidegate never runs a callback or an awaiting
// coroutine on a thread that does I/O or keeps deadlines: it hands it to a dispatcher. Without one
// it uses callback_thread(), a single small thread of the library's own, enough for callbacks that
// only pass something on.
#pragma once

#include <functional>

namespace tidegate {

class Dispatcher {
 public:
  virtual ~Dispatcher() = default;

  // Takes the work and runs it later, exactly once, on a thread of the dispatcher's choice.
  // Called from threads of the library: it must return at once, must not run `work` itself and must
  // not throw. It must outlive every operation that was given it, and every call of dispatch():
  // one may still be under way when the work that it took has been run.
  virtual void dispatch(std::function<void()> work) = 0;
};

// The library's own callback thread: first come, first served, started at the first use. Any
// thread. Work that is still waiting at shutdown() is run before the thread ends; work that comes
// later is dropped.
Dispatcher& callback_thread() noexcept;

}  // namespace tidegate
