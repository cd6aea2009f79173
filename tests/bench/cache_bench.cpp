// SPDX-License-Identifier: Apache-2.0
// What the cache costs in C++: a hit, a miss, a put, the bytes of an entry, and what it does not
// keep. Prints one JSON object of figures. Times are CPU time of the threads that do the work, the
// median of several rounds, so that a machine with other work gives nearly the same.
#include <malloc.h>
#include <time.h>

#include <algorithm>
#include <barrier>
#include <bit>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "bench/timing.hpp"
#include "cache/store.hpp"
#include "support/hit_ratio.hpp"
#include "support/peer_policies.hpp"
#include "tidegate/cache.hpp"
#include "tidegate/runtime.hpp"

using namespace tidegate;
using namespace tidegate::internal;
using bench::cpu_ns;
using bench::median;
using namespace std::chrono_literals;

namespace {

constexpr TimePoint kNow{1h};
constexpr int kRounds = 9;

constexpr std::size_t kKeySize = 20;

// Keys one behind the other, as a caller has just made each: none of them costs the benchmark a
// cache miss of its own.
class Keys {
 public:
  void add(std::uint64_t number) {
    const std::string digits = std::to_string(number);
    text_ += "listing:" + std::string(kKeySize - 8 - digits.size(), '0') + digits;
  }
  std::size_t size() const { return text_.size() / kKeySize; }
  std::string_view operator[](std::size_t at) const {
    return std::string_view(text_).substr(at * kKeySize, kKeySize);
  }

 private:
  std::string text_;
};

Keys keys(std::uint64_t first, std::uint64_t count) {
  Keys keys;
  for (std::uint64_t i = 0; i < count; ++i) keys.add(first + i);
  return keys;
}

// Requests for the keys from 0 to `count`, by Zipf; where a key was put says nothing of how popular
// it is.
Keys popular(std::uint64_t count, std::uint64_t seed) {
  Keys keys;
  for (const std::uint64_t key : test::zipf_trace(std::size_t{1} << 18, count, 1.0, seed)) {
    keys.add(key * 7'919 % count);
  }
  return keys;
}

// For each of `count` operations that run() does, in each of `threads` at the same time.
double cost(std::size_t count, int threads, const std::function<void(int thread)>& run) {
  std::vector<double> rounds[2];
  std::barrier together(threads);
  const auto work = [&](int thread) {
    run(thread);
    for (int round = 0; round < kRounds; ++round) {
      together.arrive_and_wait();
      const double before = cpu_ns();
      run(thread);
      rounds[thread].push_back((cpu_ns() - before) / static_cast<double>(count));
    }
  };
  std::vector<std::thread> others;
  for (int i = 1; i < threads; ++i) others.emplace_back(work, i);
  work(0);
  for (auto& other : others) other.join();
  std::vector<double> all = rounds[0];
  all.insert(all.end(), rounds[1].begin(), rounds[1].end());
  return median(all);
}

void print(const char* name, double figure) { std::printf("\"%s\": %.2f,\n", name, figure); }

void put(Store& store, std::string_view key) {
  store.put(key, store.hash(key),
            {.value = Ref<CacheValue>::adopt(new TypedValue<int>(1)),
             .life = {.fresh_until = kNow + 1min, .stale_until = kNow + 1h},
             .now = kNow,
             .weight = 100});
}

void fill(Store& store, std::uint64_t entries) {
  const Keys all = keys(0, entries);
  for (std::size_t i = 0; i < all.size(); ++i) put(store, all[i]);
}

StoreOptions options(std::size_t entries) {
  return {.max_entries = entries, .max_bytes = std::size_t{1} << 40, .seed = 1};
}

// What a program sees: TypedCache<int>::get().
double hits_of_a_cache(std::uint64_t entries, int threads) {
  const TypedCache<int> cache(
      CacheOptions().ttl(1h).max_entries(2 * entries).max_bytes(std::size_t{1} << 40));
  const auto held = keys(0, entries);
  for (std::size_t i = 0; i < held.size(); ++i) cache.put(held[i], 1);
  const Keys wanted[] = {popular(entries, 1), popular(entries, 2)};
  return cost(wanted[0].size(), threads, [&](int thread) {
    int found = 0;
    const Keys& mine = wanted[thread];
    for (std::size_t i = 0; i < mine.size(); ++i) found += cache.get(mine[i])->value;
    if (found != 1 << 18) std::fprintf(stderr, "only %d hits\n", found);
  });
}

double hits_of_the_store(std::uint64_t entries, int threads) {
  Store store(options(2 * entries), kNow);
  fill(store, entries);
  const Keys wanted[] = {popular(entries, 1), popular(entries, 2)};
  return cost(wanted[0].size(), threads, [&](int thread) {
    int found = 0;
    const Keys& mine = wanted[thread];
    for (std::size_t i = 0; i < mine.size(); ++i) {
      found += store.find(mine[i], store.hash(mine[i]), kNow).fresh() ? 1 : 0;
    }
    if (found != 1 << 18) std::fprintf(stderr, "only %d hits\n", found);
  });
}

// What the memory alone costs: one array of places, entries as large as the store's, counted values;
// no lock, no time, no eviction.
class BareTable {
 public:
  explicit BareTable(std::uint64_t entries)
      : places_(std::bit_ceil(2 * entries), kFree), entries_(entries) {
    const Keys all = keys(0, entries);
    for (std::uint32_t i = 0; i < entries; ++i) {
      const auto hash = static_cast<std::uint32_t>(siphash(kSeed, all[i]));
      entries_[i].hash = hash;
      entries_[i].value = Ref<CacheValue>::adopt(new TypedValue<int>(1));
      std::memcpy(entries_[i].key, all[i].data(), kKeySize);
      std::size_t at = hash & (places_.size() - 1);
      while (places_[at] != kFree) at = (at + 1) & (places_.size() - 1);
      places_[at] = (hash & kTag) | i;
    }
  }
  Ref<CacheValue> find(std::string_view key) const {
    const auto hash = static_cast<std::uint32_t>(siphash(kSeed, key));
    for (std::size_t at = hash & (places_.size() - 1); places_[at] != kFree;
         at = (at + 1) & (places_.size() - 1)) {
      if (((places_[at] ^ hash) & kTag) != 0) continue;
      const Entry& entry = entries_[places_[at] & ~kTag];
      if (entry.hash == hash && std::memcmp(entry.key, key.data(), kKeySize) == 0) {
        return entry.value;
      }
    }
    return {};
  }

 private:
  static constexpr HashSeed kSeed{.low = 1, .high = 2};
  static constexpr std::uint32_t kFree = 0xffffffff, kTag = 0xff000000;
  struct Entry {
    std::uint32_t hash = 0;
    Ref<CacheValue> value;
    char others[48];
    char key[24];
  };
  std::vector<std::uint32_t> places_;
  std::vector<Entry> entries_;
};

double hits_of_a_bare_table(std::uint64_t entries) {
  const BareTable table(entries);
  const Keys wanted = popular(entries, 1);
  return cost(wanted.size(), 1, [&](int) {
    int found = 0;
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      found += TypedValue<int>::of(*table.find(wanted[i]));
    }
    if (found != 1 << 18) std::fprintf(stderr, "only %d hits\n", found);
  });
}

double misses() {
  Store store(options(100'000), kNow);
  fill(store, 100'000);
  const auto absent = keys(1'000'000, 100'000);
  return cost(absent.size(), 1, [&](int) {
    for (std::size_t i = 0; i < absent.size(); ++i) {
      (void)store.find(absent[i], store.hash(absent[i]), kNow);
    }
  });
}

// Each put is a new key in a full store, and something else goes; with the values' own memory.
double puts_that_evict(std::uint64_t entries) {
  Store store(options(entries), kNow);
  fill(store, entries);
  constexpr std::uint64_t kCount = 50'000;
  const auto fresh = keys(1'000'000, (kRounds + 1) * kCount);
  std::size_t at = 0;
  return cost(kCount, 1, [&](int) {
    for (std::uint64_t i = 0; i < kCount; ++i) put(store, fresh[at++]);
  });
}

double puts_that_replace() {
  Store store(options(2'000), kNow);
  const auto held = keys(0, 1'000);
  return cost(100'000, 1, [&](int) {
    for (std::size_t i = 0; i < 100'000; ++i) put(store, held[i % 1'000]);
  });
}

// What malloc has given to a full store beside its keys and values.
double bytes_an_entry(std::size_t key_size) {
  constexpr std::uint64_t kEntries = 100'000;
  const auto allocated = [] {
    const auto info = ::mallinfo2();
    return static_cast<double>(info.uordblks + info.hblkhd);
  };
  const auto value = std::make_unique<TypedValue<int>>(1);
  const auto of_a_value =
      static_cast<double>(::malloc_usable_size(value.get()) + sizeof(std::size_t));
  const double before = allocated();
  const auto store = std::make_unique<Store>(options(kEntries), kNow);
  for (std::uint64_t i = 0; i < 2 * kEntries; ++i) {
    std::string key = std::to_string(1'000'000 + i);
    key.resize(key_size, '-');
    put(*store, key);
  }
  return (allocated() - before) / static_cast<double>(store->stats().entries) - of_a_value -
         static_cast<double>(key_size);
}

// What is not found, in percent; the peers' beside ours.
void print_misses(const char* name, const test::Trace& trace, std::size_t entries) {
  std::printf(
      "\"%s\": {\"tidegate\": %.2f, \"adaptive_w_tinylfu\": %.2f, \"s3_fifo\": %.2f, "
      "\"lru\": %.2f, \"optimum\": %.2f},\n",
      name, 100 - test::hit_ratio(trace, entries, Eviction::kClockTinyLfu),
      100 - test::window_tiny_lfu(trace, entries, true), 100 - test::s3_fifo(trace, entries),
      100 - test::hit_ratio(trace, entries, Eviction::kStrictLru),
      100 - test::optimum(trace, entries));
}

}  // namespace

int main() {
  std::printf("{");
  print("cache_hit_ns", hits_of_a_cache(100'000, 1));
  print("cache_hit_2_threads_ns", hits_of_a_cache(100'000, 2));
  print("cache_hit_1000_ns", hits_of_a_cache(1'000, 1));
  print("store_hit_ns", hits_of_the_store(100'000, 1));
  print("store_hit_2_threads_ns", hits_of_the_store(100'000, 2));
  print("bare_table_hit_ns", hits_of_a_bare_table(100'000));
  print("bare_table_hit_1000_ns", hits_of_a_bare_table(1'000));
  print("store_miss_ns", misses());
  print("store_put_evicting_ns", puts_that_evict(20'000));
  print("store_put_evicting_of_100000_ns", puts_that_evict(100'000));
  print("store_put_replacing_ns", puts_that_replace());
  print("cache_entry_bytes_key_8", bytes_an_entry(8));
  print("cache_entry_bytes_key_20", bytes_an_entry(20));
  print("cache_entry_bytes_key_40", bytes_an_entry(40));
  print_misses("cache_misses_zipf", test::zipf_trace(1'000'000, 100'000, 1.0, 1), 1'000);
  print_misses("cache_misses_loop", test::loop_trace(505'500, 1'011), 512);
  print_misses("cache_misses_shifting", test::shifting_trace(135'000, 1'011, 5), 512);
  std::printf("\"cache_rounds\": %d}\n", kRounds);
  return shutdown(2s).ok() ? 0 : 1;
}
