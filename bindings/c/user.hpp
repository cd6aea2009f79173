// SPDX-License-Identifier: Apache-2.0
//
// Code and data of the user's: on which threads it runs, and that it is given back exactly once.
#pragma once

#include <cxxabi.h>

#include <utility>

#include "tidegate/c.h"

namespace tidegate::c {

// Runs code of the user's where nobody could do anything about what it throws. In a destructor a
// thread that is ended in it ends the process: C code is told not to do that there.
template <class F>
void run_dropping_exceptions(F code) {
  try {
    code();
  } catch (abi::__forced_unwind&) {
    throw;
  } catch (...) {
  }
}

// The thread is in a call of the C ABI: a thread of the user's, or one that runs the user's code.
class InsideCall {
 public:
  InsideCall() noexcept { ++depth(); }
  ~InsideCall() { --depth(); }
  InsideCall(const InsideCall&) = delete;
  InsideCall& operator=(const InsideCall&) = delete;
  static bool now() noexcept { return depth() > 0; }

 private:
  static int& depth() noexcept;
};

// The thread runs a callback of the user's.
class InsideCallback {
 public:
  InsideCallback() noexcept { ++depth(); }
  ~InsideCallback() { --depth(); }
  InsideCallback(const InsideCallback&) = delete;
  InsideCallback& operator=(const InsideCallback&) = delete;
  static bool now() noexcept { return depth() > 0; }

 private:
  static int& depth() noexcept;
};

// A pointer of the user's and the function that takes it back, which is called exactly once: by
// give_back(), else when this goes. Then it runs here if here is a thread of the user's; a thread
// of the library, which may have deadlines to keep, leaves it to the callback thread.
class UserData {
 public:
  UserData(void* user, tidegate_free_fn user_free) noexcept : user_(user), free_(user_free) {}
  UserData(UserData&& other) noexcept
      : user_(other.user_), free_(std::exchange(other.free_, nullptr)) {}
  UserData& operator=(UserData&&) = delete;
  ~UserData();

  void* get() const noexcept { return user_; }

  // Here and now, for code that runs the user's anyway. One thread at a time.
  void give_back();

  // Not at all: the thread that was to do it is being ended.
  void forget() noexcept { free_ = nullptr; }

 private:
  void* user_;
  tidegate_free_fn free_;
};

}  // namespace tidegate::c
