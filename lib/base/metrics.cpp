// SPDX-License-Identifier: Apache-2.0

#include "base/metrics.hpp"

#include <algorithm>
#include <stdexcept>

#include "base/metrics_snapshot.hpp"
#include "base/text.hpp"

namespace tidegate::internal {

struct Registry::Series {
  Labels labels;
  std::size_t ordinal = 1;  // how many series the family has, up to and with this one
  Series* next = nullptr;
  Counter counter;
  Gauge gauge;
  std::unique_ptr<Histogram> histogram;  // only in a family of histograms
};

struct Registry::Family {
  Family(std::string_view its_path, std::string_view its_help, Kind its_kind)
      : path(its_path), help(its_help), kind(its_kind) {}

  std::string path;
  std::string help;
  Kind kind;
  Family* next = nullptr;
  std::atomic<Series*> series{nullptr};
};

Registry& Registry::global() noexcept {
  // A union member is not destroyed at exit, and constant initialisation needs no guard that a
  // fork could leave locked.
  union Leaked {
    Registry registry;
    constexpr Leaked() noexcept : registry() {}
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

Registry::Family& Registry::family(std::string_view path, Kind kind, std::string_view help) {
  std::unique_ptr<Family> fresh;
  Family* searched = nullptr;
  Family* head = families_.load(std::memory_order_acquire);
  while (true) {
    for (Family* family = head; family != searched; family = family->next) {
      if (family->path != path) continue;
      if (family->kind == kind) return *family;
      throw std::logic_error("metric '" + std::string(path) + "' has two kinds");
    }
    searched = head;
    if (!fresh) fresh = std::make_unique<Family>(path, help, kind);
    fresh->next = head;
    if (families_.compare_exchange_strong(head, fresh.get(), std::memory_order_acq_rel)) {
      return *fresh.release();
    }
  }
}

Registry::Series& Registry::series(std::string_view path, Kind kind, Labels labels,
                                   std::string_view help) {
  for (Label& label : labels) {
    const std::string clean = utf8_clean(utf8_cut(label.value, kMaxLabelValue));
    label.value = utf8_cut(clean, kMaxLabelValue);
  }
  std::atomic<Series*>& list = family(path, kind, help).series;
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
      continue;
    }
    if (!fresh) {
      fresh = std::make_unique<Series>();
      if (kind == Kind::kHistogram) fresh->histogram = std::make_unique<Histogram>();
    }
    fresh->labels = labels;
    fresh->ordinal = head == nullptr ? 1 : head->ordinal + 1;
    fresh->next = head;
    if (list.compare_exchange_strong(head, fresh.get(), std::memory_order_acq_rel)) {
      return *fresh.release();
    }
  }
}

Counter& Registry::counter(std::string_view path, Labels labels, std::string_view help) {
  return series(path, Kind::kCounter, std::move(labels), help).counter;
}

Gauge& Registry::gauge(std::string_view path, Labels labels, std::string_view help) {
  return series(path, Kind::kGauge, std::move(labels), help).gauge;
}

Histogram& Registry::histogram(std::string_view path, Labels labels, std::string_view help) {
  return *series(path, Kind::kHistogram, std::move(labels), help).histogram;
}

std::shared_ptr<const Snapshot> Registry::snapshot() const {
  auto snapshot = std::make_shared<Snapshot>();
  const Family* family = families_.load(std::memory_order_acquire);
  for (; family != nullptr; family = family->next) {
    const Series* series = family->series.load(std::memory_order_acquire);
    if (series == nullptr) continue;  // another thread is about to add its first
    Snapshot::Metric metric{family->path, family->help, {}};
    for (; series != nullptr; series = series->next) {
      Snapshot::Sample sample{series->labels, series->counter.value()};
      if (family->kind == Kind::kGauge) sample.value = series->gauge.value();
      if (family->kind == Kind::kHistogram) sample.value = series->histogram->read();
      metric.samples.push_back(std::move(sample));
    }
    std::sort(metric.samples.begin(), metric.samples.end(), [](const auto& a, const auto& b) {
      return std::lexicographical_compare(
          a.labels.begin(), a.labels.end(), b.labels.begin(), b.labels.end(),
          [](const Label& x, const Label& y) { return x.value < y.value; });
    });
    snapshot->metrics.push_back(std::move(metric));
  }
  std::sort(snapshot->metrics.begin(), snapshot->metrics.end(),
            [](const auto& a, const auto& b) { return a.path < b.path; });
  return snapshot;
}

}  // namespace tidegate::internal
