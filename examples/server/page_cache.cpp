// SPDX-License-Identifier: Apache-2.0
#include "page_cache.hpp"

#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <string_view>
#include <utility>

#include "digest.hpp"

namespace server {

using tidegate::Answer;
using tidegate::Bytes;
using tidegate::CacheOptions;
using tidegate::Config;
using tidegate::Deadline;
using tidegate::Duration;
using tidegate::LoadContext;
using tidegate::LoadOptions;
using tidegate::Result;
using tidegate::Service;
using tidegate::Source;
using tidegate::Status;
using tidegate::TimePoint;

namespace {

// A load takes as long as a page may, whatever cache.load_timeout is.
CacheOptions options_of(const Config& config, const std::string& service) {
  return CacheOptions::from(Service::from(config, service))
      .load_timeout(config.duration("executor.page_timeout"));
}

// One line each, as JSON has no line feed of its own.
Bytes packed(const KeptPage& page) {
  Json about = {{"source", tidegate::source_name(page.source)}};
  about.update(page.about);
  return Bytes(to_line(page.content) + to_line(about));
}

// Weak: of the content alone, because what `meta` tells is different in every answer.
std::string etag_of(std::string_view content) {
  std::array<char, 16> digits;
  const auto [end, _] =
      std::to_chars(digits.data(), digits.data() + digits.size(), digest(content), 16);
  return "W/\"" + std::string(digits.data(), end) + "\"";
}

// `lines` are those of packed(); what the cache says of them comes before what they say.
Reply reply_of(std::string_view lines, Source source, Json meta) {
  const std::size_t end = lines.find('\n');
  const std::string_view content = lines.substr(0, end);
  const Json about = Json::parse(lines.substr(end + 1));
  if (about["source"] == tidegate::source_name(Source::kDefault)) source = Source::kDefault;
  meta.update(about);
  meta["source"] = tidegate::source_name(source);
  meta["degraded"] = source == Source::kStale || source == Source::kDefault;
  Reply said;
  said.body.append(content.substr(0, content.size() - 1)).append(",\"meta\":");
  said.body.append(meta.dump()).append("}\n");
  if (!meta["degraded"]) said.etag = etag_of(content);
  return said;
}

Json meta_of(Duration age, const Status& reason, TimePoint arrived) {
  Json meta = {{"source", {}},
               {"age_s", milliseconds(age) / 1000},
               {"degraded", {}},
               {"elapsed_ms", milliseconds(Deadline::now() - arrived)}};
  if (!reason.ok()) meta["reason"] = tidegate::cause_info(reason.cause()).name;
  return meta;
}

std::string seconds(Duration duration) {
  return std::to_string(std::chrono::duration_cast<std::chrono::seconds>(duration).count());
}

}  // namespace

double milliseconds(Duration duration) {
  return std::round(std::chrono::duration<double, std::milli>(duration).count() * 100) / 100;
}

Reply page_reply(const KeptPage& page, const Status& reason, TimePoint arrived) {
  return reply_of(packed(page).view(), page.source, meta_of({}, reason, arrived));
}

PageCache::PageCache(const Config& config, const std::string& service)
    : options_(options_of(config, service)), cache_(options_) {}

PageCache::Asked PageCache::ask(std::string key, Load load, Deadline deadline) const {
  const auto load_bytes = [load = std::move(load)](LoadContext& context) -> Result<Bytes> {
    const Result<KeptPage> page = load(context);
    if (!page.ok()) return page.status();
    if (page->source == Source::kDefault) context.uncached();
    return packed(*page);
  };
  return cache_.get_or_load(std::move(key), load_bytes, LoadOptions().deadline(deadline));
}

Reply PageCache::reply(const Answer<Bytes>& kept, TimePoint arrived) const {
  Reply said = reply_of(kept.value.view(), kept.source, meta_of(kept.age, kept.reason, arrived));
  said.headers.emplace_back("Age", seconds(kept.age));
  if (said.etag.empty()) return said;
  said.headers.emplace_back("Cache-Control", "max-age=" + seconds(options().ttl));
  said.headers.emplace_back("ETag", said.etag);
  return said;
}

}  // namespace server
