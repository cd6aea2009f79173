// SPDX-License-Identifier: Apache-2.0
#include "recommendations.hpp"

#include <algorithm>
#include <set>
#include <vector>

#include "car.hpp"
#include "default_cars.hpp"
#include "tidegate/config.hpp"
#include "tidegate/page.hpp"

namespace server {

using tidegate::Answer;
using tidegate::Deadline;
using tidegate::Duration;
using tidegate::LoadContext;
using tidegate::Operation;
using tidegate::Page;
using tidegate::Result;
using tidegate::Row;
using tidegate::Rows;
using tidegate::Service;
using tidegate::Source;
using tidegate::Status;
using tidegate::TimePoint;

namespace {

struct Ended {
  std::string_view name;
  std::string_view reason;
  Result<Answer<Rows>> answer;
};

// Deals the cars out in turn, one of each part, until there are enough; none comes twice.
Json deal(const std::vector<Ended>& parts, int limit) {
  std::vector<std::size_t> next(parts.size(), 0);
  std::set<std::string> dealt;
  Json cars = Json::array();
  for (bool any = true; any;) {
    any = false;
    for (std::size_t i = 0; i < parts.size(); ++i) {
      if (!parts[i].answer.ok()) continue;
      const Rows& rows = parts[i].answer->value;
      while (next[i] < rows.size() && !dealt.insert(car_identity(rows[next[i]])).second) ++next[i];
      if (next[i] == rows.size()) continue;
      const Row row = rows[next[i]++];
      Json& car = cars.emplace_back(car_json(row));
      car["reason"] = parts[i].reason;
      add_known(car, row, {"median_gbp", "saving_percent"});
      if (cars.size() == static_cast<std::size_t>(limit)) return cars;
      any = true;
    }
  }
  return cars;
}

Source source_of(const Result<Answer<Rows>>& answer) {
  return answer.ok() ? answer->source : Source::kDefault;
}

Json about(const std::vector<Ended>& parts) {
  Json each = Json::object();
  for (const auto& [name, reason, answer] : parts) {
    const Duration spent = answer.ok() ? answer->timings.elapsed() : answer.status().elapsed();
    const auto why = answer.ok() ? answer->reason : answer.status();
    Json& part = each[name] = {{"source", tidegate::source_name(source_of(answer))},
                               {"elapsed_ms", milliseconds(spent)},
                               {"rows", answer.ok() ? answer->value.size() : 0}};
    if (!why.ok()) part["reason"] = tidegate::cause_info(why.cause()).name;
  }
  return Json{{"parts", std::move(each)}};
}

// What there is to show when the database cannot be asked.
Json default_cars_of(const Wanted& wanted) {
  const Answer cars(default_cars(wanted.make), Source::kDefault, {});
  return deal({{"default", "default", cars}}, wanted.limit);
}

KeptPage page_of(const std::vector<Ended>& parts, const Wanted& wanted) {
  Source worst = Source::kFresh;
  for (const Ended& part : parts) worst = std::max(worst, source_of(part.answer));
  Json cars = deal(parts, wanted.limit);
  if (cars.empty() && worst == Source::kDefault) cars = default_cars_of(wanted);
  return {
      .content = {{"recommendations", std::move(cars)}}, .about = about(parts), .source = worst};
}

// Why there is nothing: each part failed.
Status failure_of(const std::vector<Ended>& parts) {
  for (const Ended& part : parts) {
    if (source_of(part.answer) != Source::kDefault) return Status();
  }
  const auto& first = parts.front().answer;
  return first.ok() ? first->reason : first.status();
}

}  // namespace

Recommendations::Recommendations(const tidegate::Config& config, const Listings& listings)
    : listings_(listings),
      cache_(config, "recommendations"),
      page_timeout_(config.duration("executor.page_timeout")),
      query_timeout_(Service::from(config, "cars").duration("executor.query_timeout")) {}

PageCache::Asked Recommendations::ask(const Wanted& wanted, Deadline deadline) const {
  return cache_.ask(
      wanted.key(),
      [this, wanted](const LoadContext& context) { return load(wanted, context.deadline()); },
      deadline);
}

Reply Recommendations::answer(const Wanted& wanted, TimePoint arrived) const {
  const auto asked = ask(wanted, Deadline::after(page_timeout_, arrived));
  const auto& kept = asked.wait();
  if (kept.ok()) return cache_.reply(*kept, arrived);
  std::vector<Ended> parts;
  for (const Part& part : Listings::parts()) {
    parts.push_back({part.name, part.reason, kept.status()});
  }
  return page_reply(page_of(parts, wanted), kept.status(), arrived);
}

Result<KeptPage> Recommendations::load(const Wanted& wanted, Deadline deadline) const {
  Page page(page_timeout_, deadline);
  std::vector<Operation<Answer<Rows>>> queries;
  for (const Part& part : Listings::parts()) {
    queries.push_back(
        page.add(listings_.query(part, wanted).timeout(query_timeout_).fallback(Rows())));
  }
  page.wait();

  std::vector<Ended> parts;
  for (const Part& part : Listings::parts()) {
    parts.push_back({part.name, part.reason, queries[parts.size()].wait()});
  }
  if (Status failure = failure_of(parts); !failure.ok()) return failure;
  return page_of(parts, wanted);
}

}  // namespace server
