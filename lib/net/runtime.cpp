// SPDX-License-Identifier: Apache-2.0
#include "net/runtime.hpp"

#include <pthread.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "base/per_process.hpp"
#include "net/thread_count.hpp"
#include "tidegate/operation.hpp"
#include "tidegate/runtime.hpp"

namespace tidegate::internal {

namespace {
// The thread that keeps deadlines never stays in anything for long: it is joined in any case.
constexpr Duration kGrace = std::chrono::seconds(1);
}  // namespace

namespace {

PerProcess<Runtime>& home() {
  static auto* const made = new PerProcess<Runtime>;
  return *made;
}

void after_fork_in_parent() {
  if (const auto runtime = home().peek()) runtime->resume();
}

std::shared_ptr<Runtime> make_runtime() {
  // Where there is no memory for it, what quiesce() put to rest sleeps until the next use.
  static const int registered = ::pthread_atfork(nullptr, &after_fork_in_parent, nullptr);
  static_cast<void>(registered);
  return std::make_shared<Runtime>();
}

}  // namespace

Runtime& Runtime::current() { return *home().get(&make_runtime); }

void Runtime::enroll(const std::shared_ptr<RuntimeMember>& member) {
  {
    std::lock_guard lock(mutex_);
    std::erase_if(members_, [](const auto& known) { return known.expired(); });
    members_.push_back(member);
  }
  if (closed()) member->close();
}

std::vector<std::shared_ptr<RuntimeMember>> Runtime::members() {
  std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<RuntimeMember>> alive;
  for (const auto& known : members_) {
    if (auto member = known.lock()) alive.push_back(std::move(member));
  }
  return alive;
}

bool Runtime::quiesce() {
  for (const auto& member : members()) {
    if (!member->quiesce()) return false;
  }
  return shard_.quiesce() && callbacks_.quiesce() && deadlines_.quiesce();
}

Status Runtime::shutdown(Duration timeout) {
  const Deadline until = Deadline::after(timeout);
  closed_.store(true, std::memory_order_release);
  const auto alive = members();
  for (const auto& member : alive) member->close();
  shard_.close();
  std::size_t stuck = shard_.join(until);
  for (const auto& member : alive) stuck += member->join(until);
  stuck += callbacks_.stop(until);
  deadlines_.stop(Deadline::after(kGrace).later(until));
  if (stuck == 0) return Status();
  return Status(Cause::kNotReady, std::to_string(stuck) + " threads were still busy after " +
                                      format_duration(timeout) + " and were abandoned");
}

namespace {

// Whoever ends an operation must not fail, so all that the way to the callback takes is made before.
struct OwnHop final : Consumer, CallbackThread::Item {
  OwnHop(CallbackThread& thread, std::function<void()> what)
      : Item(std::move(what)), where(thread) {}
  void completed(OperationState&) noexcept override { where.push(std::unique_ptr<Item>(this)); }
  CallbackThread& where;
};

// A dispatcher of the user's has promised not to throw.
struct UserHop final : Consumer {
  UserHop(Dispatcher& dispatcher, std::function<void()> what)
      : where(dispatcher), work(std::move(what)) {}
  void completed(OperationState&) noexcept override {
    where.dispatch(std::move(work));
    delete this;
  }
  Dispatcher& where;
  std::function<void()> work;
};

}  // namespace

void call_when_done(OperationState& state, Dispatcher* dispatcher, std::function<void()> work) {
  CallbackThread& own = Runtime::current().callbacks();
  if (dispatcher && dispatcher != &own) {
    state.add_consumer(new UserHop(*dispatcher, std::move(work)));
  } else {
    state.add_consumer(new OwnHop(own, std::move(work)));
  }
}

}  // namespace tidegate::internal

namespace tidegate {

Dispatcher& callback_thread() noexcept { return internal::Runtime::current().callbacks(); }
Status shutdown(Duration timeout) { return internal::Runtime::current().shutdown(timeout); }
bool is_shut_down() noexcept { return internal::Runtime::current().closed(); }
bool quiesce() { return internal::Runtime::current().quiesce(); }
std::size_t thread_count() noexcept { return internal::thread_count_now(); }

}  // namespace tidegate
