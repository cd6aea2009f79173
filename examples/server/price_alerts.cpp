// SPDX-License-Identifier: Apache-2.0
#include "price_alerts.hpp"

#include <utility>

#include "car.hpp"
#include "page_token.hpp"
#include "problems.hpp"

namespace server {

using tidegate::Deadline;
using tidegate::LoadContext;
using tidegate::Result;
using tidegate::Row;
using tidegate::Rows;
using tidegate::Service;
using tidegate::TimePoint;

namespace {

KeptPage page_of(const Rows& rows, const AlertsWanted& wanted) {
  const auto size = static_cast<std::size_t>(wanted.page_size);
  Json alerts = Json::array();
  for (std::size_t i = 0; i < rows.size() && i < size; ++i) {
    add_known(alerts.emplace_back(car_json(rows[i])), rows[i],
              {"median_gbp", "below_percent", "compared"});
  }
  Json content = {{"price_alerts", std::move(alerts)}};
  if (rows.size() > size) {
    const Row last = rows[size - 1];
    const AlertsPlace place{.below_percent = last["below_percent"].integer(),
                            .id = last["id"].integer()};
    content["next_page_token"] = page_token(place, wanted.list_key());
  }
  return {.content = std::move(content), .about = Json::object()};
}

}  // namespace

PriceAlerts::PriceAlerts(const tidegate::Config& config, const Listings& listings)
    : listings_(listings),
      cache_(config, "price_alerts"),
      page_timeout_(config.duration("executor.page_timeout")),
      query_timeout_(Service::from(config, "cars").duration("executor.query_timeout")) {}

PageCache::Asked PriceAlerts::ask(const AlertsWanted& wanted, Deadline deadline) const {
  return cache_.ask(
      wanted.key(),
      [this, wanted](const LoadContext& context) { return load(wanted, context.deadline()); },
      deadline);
}

Reply PriceAlerts::answer(const AlertsWanted& wanted, TimePoint arrived) const {
  const auto asked = ask(wanted, Deadline::after(page_timeout_, arrived));
  const auto& kept = asked.wait();
  if (kept.ok()) return cache_.reply(*kept, arrived);
  Reply said = reply(problems::unavailable(kept.status(), "database", "the database"));
  said.headers = {{"Retry-After", "1"}};
  return said;
}

Result<KeptPage> PriceAlerts::load(const AlertsWanted& wanted, Deadline deadline) const {
  const auto query = listings_.alerts(wanted).timeout(query_timeout_).deadline(deadline).start();
  const auto& answer = query.wait();
  if (!answer.ok()) return answer.status();
  return page_of(answer->value, wanted);
}

}  // namespace server
