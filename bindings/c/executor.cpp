// SPDX-License-Identifier: Apache-2.0
#include "executor.hpp"

namespace tidegate::c {

ExecutorObject::~ExecutorObject() {
  for (Lane* lane = lanes_.load(std::memory_order_acquire); lane;) {
    const std::unique_ptr<Lane> gone(lane);
    lane = gone->next;
  }
}

const ExecutorObject::Lane* ExecutorObject::find(std::string_view name,
                                                 const Lane* end) const noexcept {
  const Lane* lane = lanes_.load(std::memory_order_acquire);
  while (lane != end && lane->name != name) lane = lane->next;
  return lane != end ? lane : nullptr;
}

Status ExecutorObject::add(std::string name, std::variant<Database, Callables> lane,
                           Duration timeout) {
  auto fresh = std::make_unique<Lane>(Lane{std::move(name), std::move(lane), timeout, nullptr});
  Lane* searched = nullptr;
  Lane* first = lanes_.load(std::memory_order_acquire);
  do {
    for (const Lane* known = first; known != searched; known = known->next) {
      if (known->name == fresh->name) {
        return Status(Cause::kBadArgument, "the executor has a lane '" + fresh->name + "' already");
      }
    }
    fresh->next = searched = first;
  } while (!lanes_.compare_exchange_strong(first, fresh.get(), std::memory_order_acq_rel,
                                           std::memory_order_acquire));
  (void)fresh.release();
  return Status();
}

Status ExecutorObject::no_lane(const char* name, const char* kind) const {
  if (!name) return Status(Cause::kBadArgument, "the name of the lane is NULL");
  std::string message = std::string("the executor has no ") + kind + " '" + name + "'; its lanes:";
  const Lane* lane = lanes_.load(std::memory_order_acquire);
  if (!lane) message += " none";
  for (; lane; lane = lane->next) message += " '" + lane->name + "'";
  return Status(Cause::kBadArgument, message);
}

}  // namespace tidegate::c
