// SPDX-License-Identifier: Apache-2.0
#include "support/seeds.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#if defined(TIDEGATE_TEST_SANITIZED)
#include <sanitizer/common_interface_defs.h>
#endif

namespace tidegate::test {

namespace {

// What runs now, for a report that knows nothing of the test.
const Replay* running = nullptr;

std::uint64_t number(const char* variable, std::uint64_t otherwise) {
  const char* const text = std::getenv(variable);
  return text ? std::strtoull(text, nullptr, 10) : otherwise;
}

[[maybe_unused]] void report() {
  if (running) std::fprintf(stderr, "play it again: %s\n", running->command().c_str());
}

}  // namespace

// The plain build plays all seeds, and finds there what is wrong with a flow. The address sanitizers,
// which look at its memory, play a quarter; the thread sanitizer, which has nothing to look for in
// one thread, a tenth.
SeedRange seeds(int quick, int deep) {
#if defined(TIDEGATE_TEST_THREAD_SANITIZED)
  deep = std::max(quick, deep / 10);
#elif defined(TIDEGATE_TEST_SANITIZED)
  deep = std::max(quick, deep / 4);
#endif
  if (const std::uint64_t only = number("TIDEGATE_SEED", 0)) return {only, only};
  return {1, number("TIDEGATE_SEEDS", static_cast<std::uint64_t>(repeat(quick, deep)))};
}

Replay::Replay(std::uint64_t seed) noexcept : seed_(seed) {
#if defined(TIDEGATE_TEST_SANITIZED)
  __sanitizer_set_death_callback(report);
#endif
  running = this;
}

Replay::~Replay() { running = nullptr; }

std::string Replay::command() const {
  const std::string program = std::filesystem::read_symlink("/proc/self/exe");
  std::string test = doctest::getContextOptions()->currentTest->m_name;
  std::replace(test.begin(), test.end(), ',', '?');  // a comma would begin another pattern
  return "TIDEGATE_SEED=" + std::to_string(seed_) + " " + program + " -tc=\"" + test + "\"";
}

}  // namespace tidegate::test
