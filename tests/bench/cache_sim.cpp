// SPDX-License-Identifier: Apache-2.0
// Hit ratios of eviction policies over traces: prints a table of percentages.
//
//   cache_sim                             the generated traces
//   cache_sim TRACE[:FORMAT] ENTRIES...   a trace file, at these sizes
//
// Formats: lirs, arc and plain (support/trace_files.hpp).
//
//   LRU, CTL   the real Store, strict LRU and Clock-TinyLFU, in one shard
//   W-TLFU     W-TinyLFU with a window of 1 % (support/peer_policies.hpp)
//   adaptive   the same with a window that climbs towards more hits
//   optimum    the most that any policy could
//   lead       of CTL before adaptive
//
// The constants of Clock-TinyLFU were chosen on the first half of the table, and on traces like those
// of the second half with other seeds, sizes and exponents; on these themselves nothing was chosen.
// Those of the trial (cache/admission_trial.hpp) were chosen on the whole table with other seeds, and
// those of early returns (cache/early_returns.hpp) on loops and ledgers, one after or beside another.
#include <charconv>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#include "support/hit_ratio.hpp"
#include "support/peer_policies.hpp"
#include "support/trace_files.hpp"

using namespace tidegate;
using namespace tidegate::test;

namespace {

std::size_t entries_of(const std::string& text) {
  std::size_t entries = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), entries);
  if (error == std::errc() && end == text.data() + text.size() && entries > 0) return entries;
  throw std::runtime_error("ENTRIES is from 1 on, not '" + text + "'");
}

void print_rows(const std::string& name, const Trace& trace,
                const std::vector<std::size_t>& sizes) {
  for (const std::size_t entries : sizes) {
    const double adaptive = window_tiny_lfu(trace, entries, true);
    const double clock = hit_ratio(trace, entries, Eviction::kClockTinyLfu);
    std::printf("%-32s %7zu %7.2f %7.2f %7.2f %8.2f %7.2f %7.2f %+6.2f\n", name.c_str(), entries,
                hit_ratio(trace, entries, Eviction::kStrictLru), s3_fifo(trace, entries),
                window_tiny_lfu(trace, entries, false), adaptive, clock, optimum(trace, entries),
                clock - adaptive);
    std::fflush(stdout);
  }
}

void print_chosen_on() {
  print_rows("zipf 1.0, 100,000 keys", zipf_trace(1'000'000, 100'000, 1.0, 1),
             {500, 1'000, 5'000, 10'000});
  print_rows("zipf 0.8, 100,000 keys", zipf_trace(1'000'000, 100'000, 0.8, 2), {1'000, 10'000});
  print_rows("loop of 1,011", loop_trace(505'500, 1'011), {256, 512, 900});
  print_rows("zipf 0.9, scans of 5,000", scan_trace(1'000'000, 50'000, 10'000, 5'000, 3),
             {1'000, 5'000});
  print_rows("ledger", ledger_trace(300'000, 0, 4), {512, 904});
  print_rows("ledger, 5 x loop, ledger", shifting_trace(135'000, 1'011, 5), {512});
  print_rows("zipf 1.0, moves 10 times", moving_trace(1'000'000, 20'000, 1.0, 100'000, 6),
             {500, 2'000});
}

void print_verified_on() {
  print_rows("zipf 0.7, 30,000 keys", zipf_trace(800'000, 30'000, 0.7, 201), {400, 3'000, 12'000});
  print_rows("zipf 0.95, 70,000 keys", zipf_trace(800'000, 70'000, 0.95, 202), {700, 6'000});
  print_rows("zipf 1.1, 150,000 keys", zipf_trace(800'000, 150'000, 1.1, 203), {400, 3'000, 9'000});
  print_rows("zipf 1.2, 40,000 keys", zipf_trace(800'000, 40'000, 1.2, 204), {300, 1'500});
  print_rows("loop of 2,400", loop_trace(1'200'000, 2'400), {480, 1'200, 2'100});
  print_rows("zipf 0.9, scans of 2,000", scan_trace(800'000, 40'000, 7'000, 2'000, 205),
             {800, 4'000});
  print_rows("ledger", ledger_trace(300'000, 0, 206), {300, 1'500});
  print_rows("ledger, 5 x loop, ledger", shifting_trace(120'000, 1'600, 207), {450, 1'000});
  print_rows("zipf 0.9, moves 15 times", moving_trace(1'050'000, 25'000, 0.9, 70'000, 208),
             {500, 2'500});
  const Trace popular = zipf_trace(300'000, 40'000, 1.0, 209);
  print_rows(
      "zipf, loop, ledger, zipf",
      joined({popular, loop_trace(300'000, 2'000), ledger_trace(200'000, 1'000'000, 210), popular}),
      {600, 1'200});
}

void print_header() {
  std::printf("%-32s %7s %7s %7s %7s %8s %7s %7s %6s\n", "trace", "entries", "LRU", "S3-FIFO",
              "W-TLFU", "adaptive", "CTL", "optimum", "lead");
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc == 2) throw std::runtime_error("usage: cache_sim [TRACE[:FORMAT] ENTRIES...]");
  if (argc < 2) {
    print_header();
    print_chosen_on();
    std::printf("\n");
    print_verified_on();
    return 0;
  }
  std::vector<std::size_t> sizes;
  for (int i = 2; i < argc; ++i) sizes.push_back(entries_of(argv[i]));
  const Trace trace = TraceFile::named(argv[1]).read();
  print_header();
  print_rows(argv[1], trace, sizes);
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
