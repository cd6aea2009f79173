// SPDX-License-Identifier: Apache-2.0
//
// Policies that exist for comparison only, from their papers and documentation.
//
//   WindowTinyLfu  an LRU window in front of a segmented LRU, admission by frequency ("TinyLFU",
//                  Einziger, Friedman and Manes, 2017). With `adaptive` the window's share climbs the
//                  hit ratio ("Adaptive Software Cache Management", Einziger, Eytan, Friedman and
//                  Manes, 2018): after each sample it goes on where hits rose and turns round where
//                  they fell, in steps that shrink; a jump of the hit ratio starts it anew. An
//                  approximation of the Java library that made it known, not that library.
//   S3Fifo         three FIFOs: a small one of a tenth, a main one, and a ghost of keys ("FIFO Queues
//                  are All You Need", Yang, Zhang, Qiu, Yue and Rashmi, 2023).
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <iterator>
#include <list>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "base/ports/rng.hpp"
#include "base/siphash.hpp"
#include "cache/sketch.hpp"
#include "support/hit_ratio.hpp"
#include "support/traces.hpp"

namespace tidegate::test {

class WindowTinyLfu {
 public:
  WindowTinyLfu(std::size_t entries, bool adaptive)
      : entries_(entries),
        adaptive_(adaptive),
        window_most_(static_cast<double>(std::max<std::size_t>(1, entries / 100))),
        step_(-kFirstStep * static_cast<double>(entries)),
        sketch_(entries, 10 * entries, kAtOnce) {}

  // True if it was there; else it is put.
  bool request(std::uint64_t key) {
    const auto hash = static_cast<std::uint32_t>(
        internal::siphash({1, 2}, {reinterpret_cast<const char*>(&key), sizeof key}));
    sketch_.add(hash);
    const auto at = places_.find(key);
    const bool hit = at != places_.end();
    if (hit) {
      use(at->second);
    } else {
      lists_[kWindow].push_front({key, hash, kWindow});
      places_[key] = lists_[kWindow].begin();
      settle();
    }
    if (adaptive_) climb(hit);
    return hit;
  }

 private:
  enum Part : std::size_t { kWindow, kProbation, kProtected };
  static constexpr std::size_t kAtOnce = ~std::size_t{0};  // it halves its sketch as a whole
  static constexpr double kFirstStep = 0.0625;
  static constexpr double kDecay = 0.98;
  static constexpr double kRestart = 0.05;
  static constexpr double kProtectedShare = 0.8;

  struct Item {
    std::uint64_t key;
    std::uint32_t hash;
    Part part;
  };
  using List = std::list<Item>;

  void move(List::iterator item, Part to) {
    lists_[to].splice(lists_[to].begin(), lists_[item->part], item);
    item->part = to;
  }

  void use(List::iterator item) {
    move(item, item->part == kWindow ? kWindow : kProtected);
    demote();
  }

  void demote() {
    const double main = static_cast<double>(entries_) - window_most_;
    while (static_cast<double>(lists_[kProtected].size()) > kProtectedShare * main) {
      move(std::prev(lists_[kProtected].end()), kProbation);
    }
  }

  // The window's overflow goes to the main part, and meets its victim where all is full.
  void settle() {
    while (static_cast<double>(lists_[kWindow].size()) > window_most_) {
      const auto candidate = std::prev(lists_[kWindow].end());
      move(candidate, kProbation);
      if (places_.size() <= entries_) continue;
      List& from = lists_[kProbation].size() > 1 ? lists_[kProbation] : lists_[kProtected];
      const auto victim = from.empty() ? candidate : std::prev(from.end());
      drop(admits(*candidate, *victim) ? victim : candidate);
    }
    while (places_.size() > entries_) {
      List& from = !lists_[kProbation].empty()   ? lists_[kProbation]
                   : !lists_[kProtected].empty() ? lists_[kProtected]
                                                 : lists_[kWindow];
      drop(std::prev(from.end()));
    }
  }

  bool admits(const Item& candidate, const Item& victim) {
    const unsigned seen = sketch_.estimate(candidate.hash);
    if (seen > sketch_.estimate(victim.hash)) return true;
    return seen >= 6 && rng_.below(128) == 0;
  }

  void drop(List::iterator item) {
    places_.erase(item->key);
    lists_[item->part].erase(item);
  }

  void climb(bool hit) {
    hits_ += hit ? 1 : 0;
    if (++requests_ < 10 * entries_) return;
    const double ratio = static_cast<double>(hits_) / static_cast<double>(requests_);
    hits_ = requests_ = 0;
    const double change = ratio - ratio_;
    ratio_ = ratio;
    const double amount = change >= 0 ? step_ : -step_;
    step_ = std::abs(change) >= kRestart
                ? kFirstStep * static_cast<double>(entries_) * (amount >= 0 ? 1 : -1)
                : kDecay * amount;
    window_most_ = std::clamp(window_most_ + amount, 1.0, 0.8 * static_cast<double>(entries_));
    // What the window has too much goes to the main part, or the other way round.
    while (static_cast<double>(lists_[kWindow].size()) > window_most_) {
      move(std::prev(lists_[kWindow].end()), kProbation);
    }
    while (static_cast<double>(lists_[kWindow].size()) < std::floor(window_most_) &&
           !lists_[kProbation].empty()) {
      const auto item = std::prev(lists_[kProbation].end());
      item->part = kWindow;
      lists_[kWindow].splice(lists_[kWindow].end(), lists_[kProbation], item);
    }
    demote();
  }

  const std::size_t entries_;
  const bool adaptive_;
  double window_most_;
  double step_;
  double ratio_ = 0;
  std::size_t hits_ = 0;
  std::size_t requests_ = 0;
  internal::FrequencySketch sketch_;
  internal::Rng rng_{1};
  std::array<List, 3> lists_;
  std::unordered_map<std::uint64_t, List::iterator> places_;
};

class S3Fifo {
 public:
  explicit S3Fifo(std::size_t entries)
      : small_most_(std::max<std::size_t>(1, entries / 10)),
        main_most_(std::max<std::size_t>(1, entries - small_most_)) {}

  bool request(std::uint64_t key) {
    const auto at = uses_.find(key);
    if (at != uses_.end()) {
      at->second = std::min(3u, at->second + 1);
      return true;
    }
    const bool was_here = ghosts_.erase(key) != 0;
    while (small_.size() + main_.size() >= small_most_ + main_most_) evict();
    (was_here ? main_ : small_).push_back(key);
    uses_[key] = 0;
    return false;
  }

 private:
  void evict() {
    if (small_.size() >= small_most_ || main_.empty()) return leave_small();
    for (;;) {
      const std::uint64_t key = main_.front();
      main_.pop_front();
      unsigned& uses = uses_[key];
      if (uses == 0) {
        uses_.erase(key);
        return;
      }
      --uses;
      main_.push_back(key);
    }
  }

  void leave_small() {
    const std::uint64_t key = small_.front();
    small_.pop_front();
    unsigned& uses = uses_[key];
    if (uses >= 2) {
      uses = 0;
      main_.push_back(key);
      return;
    }
    uses_.erase(key);
    ghosts_.insert(key);
    order_of_ghosts_.push_back(key);
    while (order_of_ghosts_.size() > main_most_) {
      ghosts_.erase(order_of_ghosts_.front());
      order_of_ghosts_.pop_front();
    }
  }

  const std::size_t small_most_;
  const std::size_t main_most_;
  std::deque<std::uint64_t> small_, main_, order_of_ghosts_;
  std::unordered_set<std::uint64_t> ghosts_;
  std::unordered_map<std::uint64_t, unsigned> uses_;  // of each key that is held
};

template <class Policy>
double hit_ratio_of(Policy policy, const Trace& trace) {
  std::uint64_t hits = 0;
  for (const std::uint64_t key : trace) hits += policy.request(key) ? 1 : 0;
  return percent(hits, trace.size());
}

inline double window_tiny_lfu(const Trace& trace, std::size_t entries, bool adaptive) {
  return hit_ratio_of(WindowTinyLfu(entries, adaptive), trace);
}
inline double s3_fifo(const Trace& trace, std::size_t entries) {
  return hit_ratio_of(S3Fifo(entries), trace);
}

}  // namespace tidegate::test
