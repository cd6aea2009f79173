// SPDX-License-Identifier: Apache-2.0
#include <cxxabi.h>

#include <exception>
#include <utility>

#include "base/root.hpp"
#include "cache/load_reply.hpp"

namespace tidegate {

const std::string& LoadContext::key() const noexcept { return reply_->load().key(); }
Deadline LoadContext::deadline() const noexcept { return reply_->load().deadline(); }
bool LoadContext::stopped() const noexcept { return reply_->load().stopped(); }

LoadContext& LoadContext::ttl(Duration ttl) noexcept {
  reply_->about().ttl = ttl;
  return *this;
}
LoadContext& LoadContext::stale_for(Duration stale_for) noexcept {
  reply_->about().stale_for = stale_for;
  return *this;
}
LoadContext& LoadContext::negative() noexcept {
  reply_->about().negative = true;
  return *this;
}
LoadContext& LoadContext::uncached() noexcept {
  reply_->about().uncached = true;
  return *this;
}
LoadContext& LoadContext::degraded(Status why) {
  if (why.ok()) why = Status(Cause::kCallableFailed, "the loader came with a fallback");
  reply_->about().fallback_for = std::move(why);
  return *this;
}
LoadContext& LoadContext::weight(std::size_t bytes) noexcept {
  reply_->about().weight = bytes;
  return *this;
}

namespace internal {

void load_succeeded(LoadContext& load, CacheValue* value, std::size_t weight,
                    std::optional<Encoded> encoded) noexcept {
  load.reply()->succeed(value, weight, std::move(encoded));
}
void load_failed(LoadContext& load, Status status, std::shared_ptr<const void> keepsake) noexcept {
  load.reply()->fail(std::move(status), std::move(keepsake));
}
void load_threw(LoadContext& load) try { throw; } catch (abi::__forced_unwind&) {
  throw;
} catch (...) {
  load_failed(load, status_of(std::current_exception(), Cause::kCallableFailed, "the loader"));
}

bool wants_encoded(const LoadContext& load) noexcept { return load.reply()->load().is_shared(); }
const StoredValue* stored_of(const LoadContext& load) noexcept {
  return load.reply()->load().stored();
}
bool load_restored(LoadContext& load, CacheValue* value, std::size_t weight) noexcept {
  return load.reply()->restore(value, weight);
}
void load_could_not_read(LoadContext& load) noexcept { load.reply()->could_not_read(); }

}  // namespace internal
}  // namespace tidegate
