// SPDX-License-Identifier: Apache-2.0
#include "listings.hpp"

#include "makes.hpp"
#include "reply.hpp"

namespace server {

using tidegate::ExecutorOptions;
using tidegate::Params;
using tidegate::ParamValue;
using tidegate::Service;
using tidegate::SqliteOptions;

namespace {

// Each takes the best of every wanted make from an index, and of those the best.
constexpr std::string_view kNewest = R"(
  SELECT car.*
  FROM json_each(:makes) AS wanted
  JOIN listings AS car ON car.id IN (
    SELECT id FROM listings
    WHERE make = wanted.value AND year IS NOT NULL
    ORDER BY year DESC, mileage_miles
    LIMIT :most)
  ORDER BY car.year DESC, car.mileage_miles
  LIMIT :most)";

// The cheapest of each model and year that is far below the middle price there. What costs less
// than half of that is a slip of the keyboard, or no car that drives.
constexpr std::string_view kBestValue = R"(
  SELECT car.*, usual.median_gbp,
         CAST(round(100.0 * (usual.median_gbp - car.price_gbp) / usual.median_gbp) AS INTEGER)
           AS saving_percent
  FROM json_each(:makes) AS wanted
  JOIN medians AS usual ON usual.make = wanted.value AND usual.listings >= 10
  JOIN listings AS car ON car.id = (
    SELECT id FROM listings
    WHERE make = usual.make AND model = usual.model AND year = usual.year
      AND price_gbp BETWEEN usual.median_gbp * 0.5 AND usual.median_gbp * 0.85
      AND mileage_miles < 80000
    ORDER BY price_gbp
    LIMIT 1)
  ORDER BY saving_percent DESC, car.id
  LIMIT :most)";

constexpr std::string_view kLowMileage = R"(
  SELECT car.*
  FROM json_each(:makes) AS wanted
  JOIN listings AS car ON car.id IN (
    SELECT id FROM listings
    WHERE make = wanted.value AND year <= 2018 AND miles_per_year IS NOT NULL
    ORDER BY miles_per_year
    LIMIT :most)
  ORDER BY car.miles_per_year, car.id
  LIMIT :most)";

// The newest that somebody has driven, of each segment.
constexpr std::string_view kSegments = R"(
  SELECT car.*, max(car.year * 1000000 - car.mileage_miles)
  FROM json_each(:makes) AS wanted
  JOIN json_each('["city", "family", "executive", "diesel", "large diesel", "electrified",
                   "luxury", "performance"]') AS kind
  JOIN listings AS car ON car.id = (
    SELECT id FROM listings
    WHERE make = wanted.value AND segment = kind.value AND mileage_miles >= 1000
    ORDER BY year DESC, mileage_miles
    LIMIT 1)
  GROUP BY kind.key
  LIMIT :most)";

constexpr std::array<Part, 4> kParts = {{
    {"newest", "newest", kNewest},
    {"best_value", "best_value", kBestValue},
    {"low_mileage", "low_mileage", kLowMileage},
    {"segments", "segment", kSegments},
}};

// The index of the model goes before that of the make (the "+"), as there is more in it.
std::string alerts_sql(const AlertsWanted& wanted) {
  std::string sql = R"(
  SELECT car.*, usual.median_gbp, alert.below_percent, usual.listings AS compared
  FROM price_alerts AS alert
  JOIN listings AS car ON car.id = alert.id
  JOIN medians AS usual ON (usual.make, usual.model, usual.year) = (car.make, car.model, car.year)
  WHERE alert.below_percent >= :least
    AND (alert.below_percent, alert.id) < (:after_percent, :after_id))";
  if (!wanted.model.empty()) sql += " AND alert.model = :model";
  if (!wanted.make.empty()) {
    sql += wanted.model.empty() ? " AND alert.make = :make" : " AND +alert.make = :make";
  }
  return sql + " ORDER BY alert.below_percent DESC, alert.id DESC LIMIT :most";
}

std::string makes_json(std::string_view make) {
  if (!make.empty()) return Json::array({make}).dump();
  return Json(makes()).dump();
}

}  // namespace

Listings::Listings(const tidegate::Config& config, const std::string& path)
    : executor_(ExecutorOptions::from(config)),
      database_(
          executor_.sqlite(path, SqliteOptions::from(Service::from(config, "cars")).name("cars"))),
      probe_timeout_(config.duration("server.probe_timeout")) {}

const std::array<Part, 4>& Listings::parts() noexcept { return kParts; }

tidegate::Query Listings::query(const Part& part, const Wanted& wanted) const {
  // Twice as many as wanted: the same car is listed more than once, and in more than one part.
  auto params = Params().set("makes", makes_json(wanted.make)).set("most", 2 * wanted.limit);
  return database_.query(std::string(part.sql), std::move(params)).label(std::string(part.name));
}

tidegate::Query Listings::alerts(const AlertsWanted& wanted) const {
  Params params;
  params.set("least", wanted.below_percent)
      .set("after_percent", ParamValue(wanted.after.below_percent))
      .set("after_id", ParamValue(wanted.after.id))
      .set("most", wanted.page_size + 1);
  if (!wanted.model.empty()) params.set("model", wanted.model);
  if (!wanted.make.empty()) params.set("make", std::string(wanted.make));
  return database_.query(alerts_sql(wanted), std::move(params)).label("price_alerts");
}

tidegate::Result<tidegate::Answer<tidegate::Rows>> Listings::probe() {
  tidegate::Operation<tidegate::Answer<tidegate::Rows>> probe;
  {
    std::lock_guard lock(mutex_);
    if (!probe_.state() || probe_.done()) {
      probe_ =
          query(kParts.front(), Wanted{.limit = 1, .make = {}}).timeout(probe_timeout_).start();
    }
    probe = probe_;
  }
  return probe.wait();
}

}  // namespace server
