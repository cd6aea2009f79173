// SPDX-License-Identifier: Apache-2.0
//
// ProbeTable: the calls that try a half-open breaker. There are as many places as probes; each is
// free, leased to a call until some time, or has the report of one. So there are never more calls
// under way with a lease, and reports, than places, whoever comes at once.
//
//   const ProbeTable::Lease lease = probes.take(generation, now);
//   if (lease.word == 0) …                              // none before lease.retry_after is over
//   probes.report(generation, lease.word, failed, slow, now);
//
// A call that is lost gives its place to the next when its lease is over. If it reports at last, its
// report takes a place that is free, or else that of a call that is under way: otherwise a service
// that takes longer than a lease would never be let in again.
//
// Pure: time is an argument. Thread-safety: any thread, of any process.
#pragma once

#include <cstdint>

#include "gate/breaker_words.hpp"
#include "policy/breaker_word.hpp"
#include "tidegate/deadline.hpp"

namespace tidegate::internal {

class ProbeTable {
 public:
  struct Lease {
    std::uint64_t word = 0;  // 0: none
    Duration retry_after{};  // without one: zero where it has to be asked again at once
  };
  struct Places {
    policy::CallCounts reported;
    std::uint64_t leased = 0;
    Duration first_free{};  // zero where one is
  };

  // REQUIRES: 1 to policy::ProbeWord::kPlaces places.
  ProbeTable(BreakerWords& words, std::uint32_t places, Duration lease) noexcept
      : words_(words), places_(places), lease_(lease) {}

  Lease take(policy::Generation generation, TimePoint now) noexcept;
  void give_back(std::uint64_t lease) noexcept;
  void report(policy::Generation generation, std::uint64_t lease, bool failed, bool slow,
              TimePoint now) noexcept;
  Places places(policy::Generation generation, TimePoint now) const noexcept;

 private:
  using Word = policy::ProbeWord;

  // How long `word` keeps its place; zero where it has none.
  Duration leased_for(const Word& word, policy::Generation generation,
                      TimePoint now) const noexcept;
  bool is_over(policy::Generation generation) const noexcept;

  BreakerWords& words_;
  const std::uint32_t places_;
  const Duration lease_;
};

}  // namespace tidegate::internal
