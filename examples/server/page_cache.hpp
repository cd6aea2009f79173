// SPDX-License-Identifier: Apache-2.0
//
// PageCache: the pages of one address, kept for a while, and the answer that is made of one. Its
// settings are the keys cache.* as the named service sees them.
//
// A page is kept as bytes, so that processes can share it. What is said of the single answer (its
// source, its age, how long it took) is added when it is given.
#pragma once

#include <functional>
#include <string>

#include "cache_report.hpp"
#include "reply.hpp"
#include "tidegate/cache.hpp"
#include "tidegate/config.hpp"

namespace server {

struct KeptPage {
  Json content;  // an object: what the client came for
  Json about;    // an object: how the page was made, for the answer's `meta`
  tidegate::Source source = tidegate::Source::kFresh;  // the worst of its parts
};

class PageCache {
 public:
  using Load = std::function<tidegate::Result<KeptPage>(const tidegate::LoadContext&)>;
  using Asked = tidegate::Operation<tidegate::Answer<tidegate::Bytes>>;

  PageCache(const tidegate::Config& config, const std::string& service);

  // The page of `key`, loaded once for all who want it at the same time. A page that is no more
  // than a default is given to those who wait for it, and not kept; where the load fails, the page
  // of before is given. Never blocks. REQUIRES: what `load` holds lives until tidegate::shutdown().
  Asked ask(std::string key, Load load, tidegate::Deadline deadline) const;

  // The answer to one request.
  Reply reply(const tidegate::Answer<tidegate::Bytes>& kept, tidegate::TimePoint arrived) const;

  const tidegate::CacheOptions::Values& options() const noexcept { return options_.values(); }
  ReportedCache reported() const { return {options(), cache_}; }

 private:
  const tidegate::CacheOptions options_;
  const tidegate::Cache cache_;
};

// The answer where the cache has no page, for this reason.
Reply page_reply(const KeptPage& page, const tidegate::Status& reason, tidegate::TimePoint arrived);

// In milliseconds, to a hundredth.
double milliseconds(tidegate::Duration duration);

}  // namespace server
