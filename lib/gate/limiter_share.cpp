// SPDX-License-Identifier: Apache-2.0
#include "gate/limiter_share.hpp"

#include <new>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "gate/state_file.hpp"

namespace tidegate::internal {

namespace {

std::uint64_t ns(Duration time) noexcept { return static_cast<std::uint64_t>(time.count()); }

// Of all that has to be the same for words to mean the same.
std::uint64_t shape_of(const LimiterOptions::Values& options) {
  std::vector<std::uint64_t> parts;
  for (const auto& rate : options.rates) {
    parts.insert(parts.end(),
                 {1, rate.permits, ns(rate.per), rate.burst, rate.is_strict ? 1u : 0u});
  }
  const LimiterOptions::Pace& pace = options.pace;
  if (pace.is_set) {
    parts.insert(parts.end(), {2, ns(pace.interval), ns(pace.jitter), pace.every,
                               ns(pace.least_pause), ns(pace.most_pause)});
  }
  return state_sum(std::as_bytes(std::span(parts)));
}

}  // namespace

Result<SharedLimiter> share_limiter(const LimiterOptions::Values& options) {
  if (options.name.empty() || options.name == LimiterOptions::Values().name) {
    return Status(
        Cause::kConfig,
        "a limiter that is shared on a host needs a name of its own, not '" + options.name + "'");
  }
  const auto file = StateFile::open(options.state_dir.empty() ? StateFile::default_directory()
                                                              : options.state_dir);
  if (!file.ok()) return file.status();
  const auto memory =
      (*file)->place("limiter", options.name, shape_of(options), sizeof(LimiterWords));
  if (!memory.ok()) return memory.status();
  // Zero bytes are words at their start; what others have written is words already.
  static_assert(std::is_standard_layout_v<LimiterWords>);
  const std::uint64_t seed =
      (*file)->seed() ^ state_sum(std::as_bytes(std::span<const char>(options.name)));
  return SharedLimiter{std::launder(reinterpret_cast<LimiterWords*>(memory->data())),
                       (*file)->epoch(), seed};
}

}  // namespace tidegate::internal
