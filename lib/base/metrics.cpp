// SPDX-License-Identifier: Apache-2.0

#include "base/metrics.hpp"

#include <stdexcept>

#include "base/cell_arena.hpp"
#include "base/cell_record.hpp"
#include "base/metrics_snapshot.hpp"
#include "base/text.hpp"

namespace tidegate::internal {

struct Registry::What {
  std::string_view path;
  std::string_view help;
  Kind kind;
  Across across = Across::kSum;
};

struct Registry::Series {
  Labels labels;
  std::size_t ordinal = 1;  // how many series the family has, up to and with this one
  Series* next = nullptr;

  void* cell = nullptr;                  // a Counter, a Gauge or a Histogram
  std::unique_ptr<Counter> own_counter;  // where it lies in no arena
  std::unique_ptr<Gauge> own_gauge;
  std::unique_ptr<Histogram> own_histogram;
};

struct Registry::Family {
  explicit Family(const What& what)
      : path(what.path), help(what.help), kind(what.kind), across(what.across) {}

  std::string path;
  std::string help;
  Kind kind;
  Across across;
  Family* next = nullptr;
  std::atomic<Series*> series{nullptr};
};

Registry& Registry::global() noexcept {
  // A union member is not destroyed at exit, and constant initialisation needs no guard that a
  // fork could leave locked.
  union Leaked {
    Registry registry;
    constexpr Leaked() noexcept : registry(CellArena::global()) {}
    ~Leaked() {}
  };
  static constinit Leaked leaked;
  return leaked.registry;
}

Registry::~Registry() {
  for (Family* family = families_.load(); family != nullptr;) {
    for (Series* series = family->series.load(); series != nullptr;) {
      delete std::exchange(series, series->next);
    }
    delete std::exchange(family, family->next);
  }
}

Registry::Family& Registry::family(const What& what) {
  std::unique_ptr<Family> fresh;
  Family* searched = nullptr;
  Family* head = families_.load(std::memory_order_acquire);
  while (true) {
    for (Family* family = head; family != searched; family = family->next) {
      if (family->path != what.path) continue;
      if (family->kind == what.kind) return *family;
      throw std::logic_error("metric '" + std::string(what.path) + "' has two kinds");
    }
    searched = head;
    if (!fresh) fresh = std::make_unique<Family>(what);
    fresh->next = head;
    if (families_.compare_exchange_strong(head, fresh.get(), std::memory_order_acq_rel)) {
      return *fresh.release();
    }
  }
}

std::unique_ptr<Registry::Series> Registry::make_series(const Family& family,
                                                        const Labels& labels) const {
  auto fresh = std::make_unique<Series>();
  fresh->labels = labels;
  if (cells_) {
    Snapshot::Sample none{labels, std::uint64_t{0}};
    if (family.kind == Kind::kGauge) none.value = std::int64_t{0};
    if (family.kind == Kind::kHistogram) none.value = Histogram::Reading{};
    fresh->cell = cells_->place(encode_record(family.path, family.help, family.across, none));
  }
  if (fresh->cell) return fresh;
  switch (family.kind) {
    case Kind::kCounter:
      fresh->own_counter = std::make_unique<Counter>();
      fresh->cell = fresh->own_counter.get();
      break;
    case Kind::kGauge:
      fresh->own_gauge = std::make_unique<Gauge>();
      fresh->cell = fresh->own_gauge.get();
      break;
    case Kind::kHistogram:
      fresh->own_histogram = std::make_unique<Histogram>();
      fresh->cell = fresh->own_histogram.get();
      break;
  }
  return fresh;
}

Registry::Series& Registry::series(const What& what, Labels labels) {
  for (Label& label : labels) {
    const std::string clean = utf8_clean(utf8_cut(label.value, kMaxLabelValue));
    label.value = utf8_cut(clean, kMaxLabelValue);
  }
  Family& mine = family(what);
  std::atomic<Series*>& list = mine.series;
  std::unique_ptr<Series> fresh;
  bool is_other = false;
  Series* searched = nullptr;
  Series* head = list.load(std::memory_order_acquire);
  while (true) {
    for (Series* series = head; series != searched; series = series->next) {
      if (series->labels == labels) return *series;
    }
    searched = head;
    if (head != nullptr && head->ordinal >= kMaxLabelSets && !is_other) {
      for (Label& label : labels) label.value = "other";
      is_other = true;
      searched = nullptr;
      fresh.reset();
      continue;
    }
    if (!fresh) fresh = make_series(mine, labels);
    fresh->ordinal = head == nullptr ? 1 : head->ordinal + 1;
    fresh->next = head;
    if (list.compare_exchange_strong(head, fresh.get(), std::memory_order_acq_rel)) {
      return *fresh.release();
    }
  }
}

Counter& Registry::counter(std::string_view path, Labels labels, std::string_view help) {
  void* const cell = series({path, help, Kind::kCounter}, std::move(labels)).cell;
  return *static_cast<Counter*>(cell);
}

Gauge& Registry::gauge(std::string_view path, Labels labels, std::string_view help, Across across) {
  void* const cell = series({path, help, Kind::kGauge, across}, std::move(labels)).cell;
  return *static_cast<Gauge*>(cell);
}

Histogram& Registry::histogram(std::string_view path, Labels labels, std::string_view help) {
  void* const cell = series({path, help, Kind::kHistogram}, std::move(labels)).cell;
  return *static_cast<Histogram*>(cell);
}

std::shared_ptr<const Snapshot> Registry::snapshot() const {
  auto snapshot = std::make_shared<Snapshot>();
  const Family* family = families_.load(std::memory_order_acquire);
  for (; family != nullptr; family = family->next) {
    const Series* series = family->series.load(std::memory_order_acquire);
    if (series == nullptr) continue;  // another thread is about to add its first
    Snapshot::Metric metric{family->path, family->help, family->across, {}};
    for (; series != nullptr; series = series->next) {
      Snapshot::Sample sample{series->labels, std::uint64_t{0}};
      switch (family->kind) {
        case Kind::kCounter:
          sample.value = static_cast<const Counter*>(series->cell)->value();
          break;
        case Kind::kGauge: sample.value = static_cast<const Gauge*>(series->cell)->value(); break;
        case Kind::kHistogram:
          sample.value = static_cast<const Histogram*>(series->cell)->read();
          break;
      }
      metric.samples.push_back(std::move(sample));
    }
    add(*snapshot, metric);
  }
  return snapshot;
}

}  // namespace tidegate::internal
