// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <array>
#include <charconv>
#include <stdexcept>
#include <string>
#include <string_view>

#include "base/json.hpp"
#include "base/metrics_snapshot.hpp"
#include "base/stats_share.hpp"
#include "tidegate/metrics.hpp"

namespace tidegate {

using internal::Histogram;
using internal::Json;
using internal::Label;
using internal::Labels;
using internal::Snapshot;

namespace {

double seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

std::string number_text(double value) {
  std::array<char, 64> buffer;
  char* const last = buffer.data() + buffer.size();
  return std::string(buffer.data(),
                     std::to_chars(buffer.data(), last, value, std::chars_format::fixed).ptr);
}

Json leaf(const Snapshot::Sample& sample) {
  if (const auto* counter = std::get_if<std::uint64_t>(&sample.value)) return *counter;
  if (const auto* gauge = std::get_if<std::int64_t>(&sample.value)) return *gauge;
  const auto& reading = std::get<Histogram::Reading>(sample.value);
  Json tree = Json::object();
  tree["count"] = reading.count;
  tree["sum_s"] = seconds(reading.sum);
  tree["p50_s"] = seconds(reading.quantile(0.50));
  tree["p95_s"] = seconds(reading.quantile(0.95));
  tree["p99_s"] = seconds(reading.quantile(0.99));
  tree["max_s"] = seconds(reading.max);
  return tree;
}

// A number that stands where a tree is needed moves to "_" inside it, so that nothing is lost.
Json& step(Json& tree, std::string_view key) {
  Json& child = tree[key];
  if (child.if_object() == nullptr) {
    Json number = std::move(child);
    child = Json::object();
    if (!number.is_null()) child["_"] = std::move(number);
  }
  return child;
}

void put(Json& tree, std::string_view key, Json value) {
  Json& place = tree[key];
  if (place.if_object() != nullptr && !place.if_object()->empty() && value.if_object() == nullptr) {
    place["_"] = std::move(value);
  } else {
    place = std::move(value);
  }
}

// executor.shed with {cars, queue_full} stands at executor, cars, shed, queue_full: the first
// label after the first component, the others at the end.
std::vector<std::string_view> place_of(std::string_view path, const Labels& labels) {
  std::vector<std::string_view> place;
  while (true) {
    const std::size_t dot = path.find('.');
    place.push_back(path.substr(0, dot));
    if (place.size() == 1 && !labels.empty()) place.push_back(labels.front().value);
    if (dot == std::string_view::npos) break;
    path.remove_prefix(dot + 1);
  }
  for (std::size_t i = 1; i < labels.size(); ++i) place.push_back(labels[i].value);
  return place;
}

Json tree_of(const Snapshot& snapshot) {
  Json tree = Json::object();
  for (const Snapshot::Metric& metric : snapshot.metrics) {
    for (const Snapshot::Sample& sample : metric.samples) {
      const auto place = place_of(metric.path, sample.labels);
      Json* at = &tree;
      for (std::size_t i = 0; i + 1 < place.size(); ++i) at = &step(*at, place[i]);
      put(*at, place.back(), leaf(sample));
    }
  }
  return tree;
}

std::optional<double> look_up(const Json& tree, std::string_view path) {
  const Json::Object* members = tree.if_object();
  if (members == nullptr) return path.empty() ? tree.number() : std::nullopt;
  for (const Json::Member& member : *members) {
    if (!path.starts_with(member.key)) continue;
    std::string_view rest = path.substr(member.key.size());
    if (!rest.empty()) {
      if (rest.front() != '.') continue;
      rest.remove_prefix(1);
      if (rest.empty()) continue;
    }
    if (const auto found = look_up(member.value, rest)) return found;
  }
  return std::nullopt;
}

std::string escaped(std::string_view text, bool quotes) {
  std::string out;
  for (char c : text) {
    if (c == '\n') {
      out.append("\\n");
    } else if (c == '\\' || (c == '"' && quotes)) {
      out.append(1, '\\').append(1, c);
    } else {
      out.push_back(c);
    }
  }
  return out;
}

std::string label_list(const Labels& labels, std::string_view le = {}) {
  std::string out;
  for (const Label& label : labels) {
    out.append(out.empty() ? "{" : ",").append(label.name).append("=\"");
    out.append(escaped(label.value, true)).append("\"");
  }
  if (!le.empty()) out.append(out.empty() ? "{" : ",").append("le=\"").append(le).append("\"");
  return out.empty() ? out : out.append("}");
}

void write_sample(std::string& out, const std::string& name, const Snapshot::Sample& sample) {
  const auto line = [&](std::string_view suffix, const std::string& labels,
                        std::string_view value) {
    out.append(name).append(suffix).append(labels).append(" ").append(value).append("\n");
  };
  const std::string labels = label_list(sample.labels);
  if (const auto* counter = std::get_if<std::uint64_t>(&sample.value)) {
    line("", labels, std::to_string(*counter));
  } else if (const auto* gauge = std::get_if<std::int64_t>(&sample.value)) {
    line("", labels, std::to_string(*gauge));
  } else {
    const auto& reading = std::get<Histogram::Reading>(sample.value);
    for (Duration bound : internal::kPrometheusBounds) {
      const std::string le = number_text(seconds(bound));
      line("_bucket", label_list(sample.labels, le), std::to_string(reading.at_most(bound)));
    }
    line("_bucket", label_list(sample.labels, "+Inf"), std::to_string(reading.count));
    line("_sum", labels, number_text(seconds(reading.sum)));
    line("_count", labels, std::to_string(reading.count));
  }
}

// As it is if it may be a part of names.
std::string_view own(std::string_view path) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.';
  };
  if (path.empty() || path.front() == '.' || path.back() == '.' || path.find("..") != path.npos ||
      !std::ranges::all_of(path, fits)) {
    throw std::logic_error("'" + std::string(path) + "' cannot be the path of a metric");
  }
  return path;
}

Labels labels_of(const OwnLabels& own) {
  Labels labels;
  for (const auto& [name, value] : own) labels.push_back({name, value});
  return labels;
}

}  // namespace

std::string Stats::json() const { return tree_of(*snapshot_).dump(); }

std::string Stats::prometheus() const {
  constexpr std::array<std::string_view, 3> kTypes = {"counter", "gauge", "histogram"};
  constexpr std::array<std::string_view, 3> kSuffixes = {"_total", "", "_seconds"};
  std::string out;
  for (const Snapshot::Metric& metric : snapshot_->metrics) {
    const std::size_t kind = metric.samples.front().value.index();
    std::string name = "tidegate_" + metric.path;
    for (char& c : name) {
      if (c == '.') c = '_';
    }
    name.append(kSuffixes[kind]);
    out.append("# HELP ").append(name).append(" ").append(escaped(metric.help, false));
    out.append("\n# TYPE ").append(name).append(" ").append(kTypes[kind]).append("\n");
    for (const Snapshot::Sample& sample : metric.samples) write_sample(out, name, sample);
  }
  return out;
}

std::optional<double> Stats::value(std::string_view dotted_path) const {
  return dotted_path.empty() ? std::nullopt : look_up(tree_of(*snapshot_), dotted_path);
}

Stats stats(StatsOf whose) {
  if (whose == StatsOf::kAllWorkers) return Stats(internal::snapshot_of_all_workers());
  return Stats(internal::Registry::global().snapshot());
}

OwnCounter::OwnCounter(std::string_view path, const OwnLabels& labels, std::string_view help)
    : counter_(&internal::Registry::global().counter(own(path), labels_of(labels), help)) {}

void OwnCounter::add(std::uint64_t n) noexcept { counter_->add(n); }

OwnGauge::OwnGauge(std::string_view path, const OwnLabels& labels, std::string_view help)
    : gauge_(&internal::Registry::global().gauge(own(path), labels_of(labels), help)) {}

void OwnGauge::add(std::int64_t n) noexcept { gauge_->add(n); }
void OwnGauge::set(std::int64_t n) noexcept { gauge_->set(n); }

std::vector<std::int64_t> workers() { return internal::living_workers(); }

Status share_stats(std::string_view directory) { return internal::share_stats_in(directory); }

}  // namespace tidegate
