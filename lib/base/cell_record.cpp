// SPDX-License-Identifier: Apache-2.0

#include "base/cell_record.hpp"

#include <algorithm>
#include <cstring>
#include <limits>

namespace tidegate::internal {
namespace {

static_assert(sizeof(Counter) == sizeof(Sum) && sizeof(Gauge) == sizeof(Sum));
static_assert(sizeof(Sum) ==
              3 * sizeof(std::uint64_t));  // who owns the first number, and two numbers
static_assert(sizeof(Histogram) == (Histogram::kBuckets + 2) * 8);

constexpr std::size_t kMostLabels = 8;
constexpr std::size_t kMostText = std::numeric_limits<std::uint16_t>::max();

template <class T>
void append(std::string& out, const T& value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

template <class T>
T number_at(std::string_view bytes, std::size_t at) noexcept {
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

std::string_view fitting(std::string_view text) noexcept { return text.substr(0, kMostText); }

void append_cell(std::string& out, const Snapshot::Sample& sample) {
  const auto append_sum = [&out](auto value) {
    out.append(2 * sizeof(std::uint64_t), '\0');
    append(out, value);
  };
  if (const auto* counter = std::get_if<std::uint64_t>(&sample.value)) return append_sum(*counter);
  if (const auto* gauge = std::get_if<std::int64_t>(&sample.value)) return append_sum(*gauge);
  const auto& reading = std::get<Histogram::Reading>(sample.value);
  for (const std::uint64_t bucket : reading.buckets) append(out, bucket);
  append(out, reading.sum.count());
  append(out, reading.max.count());
}

std::string record_of(CellRecord head, const std::string& text, const std::string& cell) {
  const auto up = [](std::size_t size) { return (size + 7) / 8 * 8; };
  head.ready = 1;
  head.text = static_cast<std::uint32_t>(text.size());
  head.cell = static_cast<std::uint32_t>(up(sizeof head + text.size()));
  head.size = head.cell + static_cast<std::uint32_t>(up(cell.size()));
  std::string out;
  out.reserve(head.size);
  append(out, head);
  out.append(text).resize(head.cell, '\0');
  out.append(cell).resize(head.size, '\0');
  return out;
}

// Takes texts from the front of what is left; remembers when there was too little.
class Texts {
 public:
  explicit Texts(std::string_view left) : left_(left) {}

  std::string_view take(std::size_t size) noexcept {
    if (size > left_.size()) {
      short_ = true;
      return {};
    }
    const std::string_view taken = left_.substr(0, size);
    left_.remove_prefix(size);
    return taken;
  }

  std::string_view take_sized() noexcept {
    const std::string_view size = take(2);
    return size.empty() ? size : take(number_at<std::uint16_t>(size, 0));
  }

  bool all_there() const noexcept { return !short_ && left_.empty(); }

 private:
  std::string_view left_;
  bool short_ = false;
};

std::uint64_t sum_of(std::string_view cell) noexcept {
  return number_at<std::uint64_t>(cell, 8) + number_at<std::uint64_t>(cell, 16);
}

Snapshot::Sample sample_of(std::uint8_t kind, std::string_view cell) {
  Snapshot::Sample sample;
  if (kind == CellRecord::kCounter) sample.value = sum_of(cell);
  if (kind == CellRecord::kGauge) sample.value = static_cast<std::int64_t>(sum_of(cell));
  if (kind == CellRecord::kHistogram) {
    Histogram::Reading reading;
    for (std::size_t i = 0; i < Histogram::kBuckets; ++i) {
      reading.buckets[i] = number_at<std::uint64_t>(cell, i * 8);
      reading.count += reading.buckets[i];
    }
    reading.sum = Duration(number_at<std::int64_t>(cell, Histogram::kBuckets * 8));
    reading.max = Duration(number_at<std::int64_t>(cell, Histogram::kBuckets * 8 + 8));
    sample.value = reading;
  }
  return sample;
}

// False where the record is broken.
bool take_record(const CellRecord& head, std::string_view record, StatsFile& file) {
  if (head.kind > CellRecord::kName || head.across > 1 || head.labels > kMostLabels ||
      head.cell % 8 != 0 || head.cell > record.size() || head.text > record.size() ||
      sizeof head + head.text > head.cell || record.size() - head.cell < cell_size(head.kind)) {
    return false;
  }
  Texts texts(record.substr(sizeof head, head.text));
  const std::string_view path = texts.take(head.path), help = texts.take(head.help);
  Labels labels;
  for (int i = 0; i < head.labels; ++i) {
    const std::string_view name = texts.take_sized(), value = texts.take_sized();
    labels.push_back({std::string(name), std::string(value)});
  }
  if (!texts.all_there() || path.empty()) return false;
  if (head.kind == CellRecord::kName) {
    file.names.emplace_back(path);
    return true;
  }
  Snapshot::Metric metric{
      std::string(path), std::string(help), static_cast<Across>(head.across), {}};
  metric.samples.push_back(sample_of(head.kind, record.substr(head.cell)));
  metric.samples.front().labels = std::move(labels);
  add(file.metrics, metric);
  return true;
}

}  // namespace

std::size_t cell_size(std::uint8_t kind) noexcept {
  if (kind == CellRecord::kName) return 0;
  return kind == CellRecord::kHistogram ? sizeof(Histogram) : sizeof(Sum);
}

std::string encode_record(std::string_view path, std::string_view help, Across across,
                          const Snapshot::Sample& sample) {
  path = fitting(path);
  help = fitting(help);
  std::string text = std::string(path).append(help), cell;
  const std::size_t labels = std::min(sample.labels.size(), kMostLabels);
  for (std::size_t i = 0; i < labels; ++i) {
    for (const std::string* part : {&sample.labels[i].name, &sample.labels[i].value}) {
      append(text, static_cast<std::uint16_t>(fitting(*part).size()));
      text.append(fitting(*part));
    }
  }
  append_cell(cell, sample);
  CellRecord head{};
  head.kind = static_cast<std::uint8_t>(sample.value.index());
  head.across = static_cast<std::uint8_t>(across);
  head.labels = static_cast<std::uint8_t>(labels);
  head.path = static_cast<std::uint16_t>(path.size());
  head.help = static_cast<std::uint16_t>(help.size());
  return record_of(head, text, cell);
}

std::string encode_name(std::string_view name) {
  CellRecord head{};
  head.kind = CellRecord::kName;
  head.path = static_cast<std::uint16_t>(fitting(name).size());
  return record_of(head, std::string(fitting(name)), {});
}

std::optional<StatsFile> decode_stats(std::string_view bytes) {
  if (bytes.size() < sizeof(CellHeader)) return std::nullopt;
  const auto header = number_at<CellHeader>(bytes, 0);
  if (header.magic != CellHeader::kMagic || header.layout != CellHeader::kLayout) {
    return std::nullopt;
  }
  StatsFile file;
  file.generation = header.generation;
  bytes.remove_prefix(sizeof header);
  while (bytes.size() >= sizeof(CellRecord)) {
    const auto head = number_at<CellRecord>(bytes, 0);
    if (head.size == 0) break;
    if (head.size % 8 != 0 || head.size < sizeof head || head.size > bytes.size()) {
      return std::nullopt;
    }
    if (head.ready == 1 && !take_record(head, bytes.substr(0, head.size), file)) {
      return std::nullopt;
    }
    bytes.remove_prefix(head.size);
  }
  return file;
}

std::string encode_stats(const StatsFile& file) {
  CellHeader header;
  header.generation = file.generation;
  std::string out;
  append(out, header);
  for (const Snapshot::Metric& metric : file.metrics.metrics) {
    for (const Snapshot::Sample& sample : metric.samples) {
      out.append(encode_record(metric.path, metric.help, metric.across, sample));
    }
  }
  for (const std::string& name : file.names) out.append(encode_name(name));
  return out;
}

}  // namespace tidegate::internal
