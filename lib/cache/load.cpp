// SPDX-License-Identifier: Apache-2.0
#include "cache/load.hpp"

#include <utility>

#include "cache/core.hpp"

// References: the flight's, the ticket's, and one of the message that is on its way home.
namespace tidegate::internal {

Load::Load(std::shared_ptr<CacheCore> core, Loop& loop, std::string key, Deadline deadline,
           const EntryOptions& entry)
    : core_(std::move(core)),
      loop_(loop),
      key_(std::move(key)),
      hash_(core_->store().hash(key_)),
      deadline_(deadline),
      entry_(entry) {
  core_->store().raise(fence_, key_, hash_);
}

Load::~Load() { core_->store().lower(fence_); }

void Load::succeed(Loaded loaded) noexcept {
  if (ended_.exchange(true, std::memory_order_acq_rel)) return;
  version_ = core_->publish(*this, loaded);
  value_ = std::move(loaded.value);
  negative_ = loaded.negative;
  send_home();
}

void Load::fail(Status status) noexcept {
  if (ended_.exchange(true, std::memory_order_acq_rel)) return;
  status_ = std::move(status);
  send_home();
}

void Load::send_home() noexcept {
  ref();
  if (!loop_.post(*this)) unref();  // no flight lives any more
}

void Load::run() noexcept {
  is_home_ = true;
  if (stopped()) core_->metrics().late_loads.add();
  if (Wait* const waiting = std::exchange(waiting_, nullptr)) waiting->complete(Cause::kNone);
  unref();
}

}  // namespace tidegate::internal
