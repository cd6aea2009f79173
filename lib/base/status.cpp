// SPDX-License-Identifier: Apache-2.0

#include "tidegate/status.hpp"

#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <utility>

namespace tidegate {

struct Status::Detail {
  Cause cause = Cause::kInternal;
  std::string message;
  std::chrono::nanoseconds elapsed{0};
  int attempts = 0;
  std::shared_ptr<const void> origin;
  std::vector<std::string> history;
  std::optional<std::chrono::nanoseconds> retry_after;

  // Shared by nobody and owned by nobody: handing it out allocates nothing, and it outlives
  // every static destructor.
  static std::shared_ptr<const Detail> out_of_memory() noexcept {
    alignas(Detail) static char storage[sizeof(Detail)];
    static const Detail* const detail =
        new (storage) Detail{Cause::kNoMemory, "out of memory", {}, 0, nullptr, {}, {}};
    return {std::shared_ptr<const Detail>(), detail};
  }
};

Status::Status(Cause cause, std::string_view message) noexcept {
  try {
    if (cause == Cause::kNone) cause = Cause::kInternal;
    detail_ =
        std::make_shared<const Detail>(Detail{cause, std::string(message), {}, 0, nullptr, {}, {}});
  } catch (const std::bad_alloc&) {
    detail_ = Detail::out_of_memory();
  }
}

Code Status::code() const noexcept { return ok() ? Code::kOk : cause_info(cause()).code; }

Cause Status::cause() const noexcept { return ok() ? Cause::kNone : detail_->cause; }

std::string_view Status::message() const noexcept {
  return ok() ? std::string_view() : std::string_view(detail_->message);
}

std::chrono::nanoseconds Status::elapsed() const noexcept {
  return ok() ? std::chrono::nanoseconds::zero() : detail_->elapsed;
}

int Status::attempts() const noexcept { return ok() ? 0 : detail_->attempts; }

std::optional<std::chrono::nanoseconds> Status::retry_after() const noexcept {
  return ok() ? std::nullopt : detail_->retry_after;
}

std::span<const std::string> Status::history() const noexcept {
  return ok() ? std::span<const std::string>() : std::span<const std::string>(detail_->history);
}

std::shared_ptr<const void> Status::origin() const noexcept {
  return ok() ? nullptr : detail_->origin;
}

// A copy that differs by what `change` does to it; the same where there is no memory for one.
template <class Change>
Status Status::changed(Change change) const noexcept {
  if (ok()) return *this;
  try {
    Detail copy = *detail_;
    change(copy);
    return Status(std::make_shared<const Detail>(std::move(copy)));
  } catch (const std::bad_alloc&) {
    return *this;
  }
}

Status Status::with_elapsed(std::chrono::nanoseconds elapsed) const noexcept {
  return changed([&](Detail& detail) { detail.elapsed = elapsed; });
}

Status Status::with_attempts(int attempts) const noexcept {
  return changed([&](Detail& detail) { detail.attempts = attempts; });
}

Status Status::with_retry_after(std::chrono::nanoseconds time) const noexcept {
  return changed([&](Detail& detail) { detail.retry_after = time; });
}

Status Status::with_history(std::vector<std::string> lines) const noexcept {
  return changed([&](Detail& detail) { detail.history = std::move(lines); });
}

Status Status::with_origin(std::shared_ptr<const void> origin) const noexcept {
  if (ok() || origin == detail_->origin) return *this;
  return changed([&](Detail& detail) { detail.origin = std::move(origin); });
}

std::string Status::to_string() const {
  if (ok()) return "OK";
  const CauseInfo& info = cause_info(cause());
  std::string text(code_name(info.code));
  text.append(" (").append(info.name).append(")");
  if (!message().empty()) text.append(": ").append(message());
  return text;
}

}  // namespace tidegate
