// SPDX-License-Identifier: Apache-2.0
#include "recommendations.hpp"

#include <algorithm>
#include <cmath>
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
using tidegate::Operation;
using tidegate::Page;
using tidegate::Result;
using tidegate::Row;
using tidegate::Rows;
using tidegate::Service;
using tidegate::Source;
using tidegate::TimePoint;

namespace {

struct Ended {
  std::string_view name;
  std::string_view reason;
  Result<Answer<Rows>> answer;
};

double milliseconds(Duration duration) {
  return std::round(std::chrono::duration<double, std::milli>(duration).count() * 100) / 100;
}

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
      cars.push_back(car_json(rows[next[i]++], parts[i].reason));
      if (cars.size() == static_cast<std::size_t>(limit)) return cars;
      any = true;
    }
  }
  return cars;
}

Json meta_of(const std::vector<Ended>& parts, TimePoint arrived) {
  Source worst = Source::kFresh;
  Duration age{};
  Json each = Json::object();
  for (const auto& [name, reason, answer] : parts) {
    const Source source = answer.ok() ? answer->source : Source::kDefault;
    const Duration spent = answer.ok() ? answer->timings.elapsed() : answer.status().elapsed();
    const auto why = answer.ok() ? answer->reason : answer.status();
    worst = std::max(worst, source);
    if (answer.ok()) age = std::max(age, answer->age);
    Json& part = each[name] = {{"source", tidegate::source_name(source)},
                               {"elapsed_ms", milliseconds(spent)},
                               {"rows", answer.ok() ? answer->value.size() : 0}};
    if (!why.ok()) part["reason"] = tidegate::cause_info(why.cause()).name;
  }
  return {{"source", tidegate::source_name(worst)},
          {"age_s", milliseconds(age) / 1000},
          {"degraded", worst == Source::kStale || worst == Source::kDefault},
          {"elapsed_ms", milliseconds(Deadline::now() - arrived)},
          {"parts", std::move(each)}};
}

// What there is to show when the database cannot be asked.
Json default_page(const Wanted& wanted) {
  const Answer cars(default_cars(wanted.make), Source::kDefault, {});
  return deal({{"default", "default", cars}}, wanted.limit);
}

}  // namespace

Recommendations::Recommendations(const tidegate::Config& config, const Listings& listings)
    : listings_(listings),
      page_timeout_(config.duration("executor.page_timeout")),
      query_timeout_(Service::from(config, "cars").duration("executor.query_timeout")) {}

Reply Recommendations::answer(const Wanted& wanted, TimePoint arrived) const {
  Page page(page_timeout_, Deadline::after(page_timeout_, arrived));
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
  const Json meta = meta_of(parts, arrived);
  Json cars = deal(parts, wanted.limit);
  if (cars.empty() && meta["degraded"]) cars = default_page(wanted);
  return reply(Json{{"recommendations", std::move(cars)}, {"meta", meta}});
}

}  // namespace server
