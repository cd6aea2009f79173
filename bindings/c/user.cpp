// SPDX-License-Identifier: Apache-2.0
#include "user.hpp"

#include <memory>
#include <new>
#include <utility>

#include "tidegate/dispatcher.hpp"

namespace tidegate::c {

namespace {

void call(tidegate_free_fn user_free, void* user) {
  const InsideCallback inside;
  user_free(user);
}

// On its way to the callback thread, which runs it or, where it has ended, drops it.
class Parting {
 public:
  Parting(tidegate_free_fn user_free, void* user) noexcept : free_(user_free), user_(user) {}
  Parting(const Parting&) = delete;
  Parting& operator=(const Parting&) = delete;
  ~Parting() {
    if (free_) run_dropping_exceptions([this] { call(free_, user_); });
  }
  void now() { call(std::exchange(free_, nullptr), user_); }

 private:
  tidegate_free_fn free_;
  void* user_;
};

}  // namespace

int& InsideCall::depth() noexcept {
  static constinit thread_local int value = 0;
  return value;
}

int& InsideCallback::depth() noexcept {
  static constinit thread_local int value = 0;
  return value;
}

void UserData::give_back() {
  if (free_) call(std::exchange(free_, nullptr), user_);
}

UserData::~UserData() {
  if (!free_) return;
  if (!InsideCall::now() && !InsideCallback::now()) {
    try {
      auto parting = std::make_shared<Parting>(free_, user_);
      free_ = nullptr;
      callback_thread().dispatch([parting = std::move(parting)] { parting->now(); });
    } catch (const std::bad_alloc&) {
    }
  }
  if (free_) run_dropping_exceptions([this] { call(free_, user_); });
}

}  // namespace tidegate::c
