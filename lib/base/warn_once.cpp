// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <memory>
#include <string>

#include "base/log_record.hpp"
#include "tidegate/log.hpp"

namespace tidegate::internal {

namespace {

struct Said {
  std::string what;
  std::size_t ordinal = 1;
  const Said* earlier = nullptr;
};

constexpr std::size_t kMost = 1024;

// Append-only and never freed, as a fork may come at any time.
constinit std::atomic<const Said*> last{nullptr};

// Whether it is the first time.
bool note(std::string what) {
  auto made = std::make_unique<Said>(Said{.what = std::move(what)});
  const Said* searched = nullptr;
  const Said* head = last.load(std::memory_order_acquire);
  while (true) {
    for (const Said* each = head; each != searched; each = each->earlier) {
      if (each->what == made->what) return false;
    }
    searched = head;
    if (head && head->ordinal >= kMost) return false;
    made->ordinal = head ? head->ordinal + 1 : 1;
    made->earlier = head;
    if (last.compare_exchange_weak(head, made.get(), std::memory_order_acq_rel)) {
      (void)made.release();
      return true;
    }
  }
}

}  // namespace

void warn_once(std::string_view rule, std::string_view name, std::string_view text) noexcept try {
  if (LogLevel::kWarning < log_level()) return;
  if (!note(std::string(rule).append(1, '\n').append(name))) return;
  log_unlimited(LogLevel::kWarning, "config", std::string(name).append(": ").append(text));
} catch (...) {
  return;  // no memory for a sentence
}

}  // namespace tidegate::internal
