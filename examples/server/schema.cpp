// SPDX-License-Identifier: Apache-2.0
#include "schema.hpp"

#include <array>

namespace server {

const std::string kColumns =
    "id,make,model,year,price_gbp,transmission,mileage_miles,fuel_type,tax_gbp,mpg,engine_litres";

namespace {

// The file is written under another name, so that a crash while it is written leaves nothing to
// repair: no journal on disk and no sync until the end.
const std::array<std::string, 6> kCreateAll = {
    "PRAGMA journal_mode = MEMORY",
    "PRAGMA synchronous = OFF",
    R"(CREATE TABLE origin (data TEXT NOT NULL) STRICT)",

    R"(CREATE TABLE listings (
      id             INTEGER PRIMARY KEY,
      make           TEXT NOT NULL CHECK (make <> ''),
      model          TEXT NOT NULL CHECK (model <> ''),
      year           INTEGER CHECK (year BETWEEN 1990 AND 2021),
      price_gbp      INTEGER NOT NULL CHECK (price_gbp > 0),
      transmission   TEXT NOT NULL,
      mileage_miles  INTEGER CHECK (mileage_miles >= 0),
      fuel_type      TEXT NOT NULL,
      tax_gbp        INTEGER CHECK (tax_gbp >= 0),
      mpg            REAL CHECK (mpg > 0),
      engine_litres  REAL CHECK (engine_litres > 0),

      miles_per_year REAL GENERATED ALWAYS AS (1.0 * mileage_miles / (2021 - min(year, 2020))),
      segment        TEXT GENERATED ALWAYS AS (CASE
        WHEN fuel_type IN ('Hybrid', 'Electric')             THEN 'electrified'
        WHEN engine_litres >= 4                              THEN 'performance'
        WHEN price_gbp >= 40000                              THEN 'luxury'
        WHEN fuel_type = 'Diesel' AND price_gbp >= 20000     THEN 'large diesel'
        WHEN fuel_type = 'Diesel'                            THEN 'diesel'
        WHEN engine_litres <= 1.2 AND price_gbp < 9000       THEN 'city'
        WHEN price_gbp < 20000                               THEN 'family'
        ELSE 'executive' END)
    ) STRICT)",

    // The middle price of each model and year; the triggers of kFinish keep this table and the next
    // one true.
    R"(CREATE TABLE medians (
      make       TEXT NOT NULL,
      model      TEXT NOT NULL,
      year       INTEGER NOT NULL,
      listings   INTEGER NOT NULL,
      median_gbp INTEGER NOT NULL,
      PRIMARY KEY (make, model, year)
    ) STRICT, WITHOUT ROWID)",

    // The listings that are priced below the median of five at least, by whole percents, rounded
    // down.
    R"(CREATE TABLE price_alerts (
      id            INTEGER PRIMARY KEY,
      make          TEXT NOT NULL,
      model         TEXT NOT NULL COLLATE NOCASE,
      below_percent INTEGER NOT NULL
    ) STRICT)",
};

const std::string kInsertAlerts = R"(INSERT INTO price_alerts
      SELECT id, make, model, (median_gbp - price_gbp) * 100 / median_gbp
      FROM medians JOIN listings USING (make, model, year)
      WHERE medians.listings >= 5 AND price_gbp * 100 <= median_gbp * 99)";

// The middle of an even number is the mean of the two in the middle. `which` is "new" or "old".
std::string recount(const std::string& which) {
  const std::string group = " FROM listings WHERE make = " + which + ".make AND model = " + which +
                            ".model AND year = " + which + ".year";
  const std::string key = which + ".make, " + which + ".model, " + which + ".year";
  return "DELETE FROM price_alerts WHERE id = " + which + ".id OR id IN (SELECT id" + group +
         ");\n"
         "DELETE FROM medians WHERE (make, model, year) = (" +
         key +
         ");\n"
         "INSERT INTO medians SELECT " +
         key + ", (SELECT count(*)" + group +
         "), CAST(avg(price_gbp) AS INTEGER) FROM (SELECT price_gbp" + group +
         " ORDER BY price_gbp LIMIT (SELECT 2 - count(*) % 2" + group +
         ") OFFSET (SELECT (count(*) - 1) / 2" + group + ")) HAVING count(*) > 0;\n" +
         kInsertAlerts + " AND (make, model, year) = (" + key + ");\n";
}

const std::array<std::string, 15> kFinishAll = {
    "CREATE INDEX listings_newest ON listings (make, year DESC, mileage_miles)",
    "CREATE INDEX listings_price ON listings (make, model, year, price_gbp, mileage_miles)",
    "CREATE INDEX listings_mileage ON listings (make, miles_per_year) WHERE year <= 2018",
    "CREATE INDEX listings_segment ON listings (make, segment, year DESC, mileage_miles)",

    R"(INSERT INTO medians
      SELECT make, model, year, listings, CAST(avg(price_gbp) AS INTEGER)
      FROM (SELECT make, model, year, price_gbp,
                   row_number() OVER (PARTITION BY make, model, year ORDER BY price_gbp) AS place,
                   count(*) OVER (PARTITION BY make, model, year) AS listings
            FROM listings WHERE year IS NOT NULL)
      WHERE place IN ((listings + 1) / 2, (listings + 2) / 2)
      GROUP BY make, model, year)",

    kInsertAlerts,
    "CREATE INDEX price_alerts_all ON price_alerts (below_percent, id)",
    "CREATE INDEX price_alerts_make ON price_alerts (make, below_percent, id)",
    "CREATE INDEX price_alerts_model ON price_alerts (model, below_percent, id)",

    "CREATE TRIGGER listing_added AFTER INSERT ON listings BEGIN\n" + recount("new") + "END",
    "CREATE TRIGGER listing_removed AFTER DELETE ON listings BEGIN\n" + recount("old") + "END",
    "CREATE TRIGGER listing_changed AFTER UPDATE OF make, model, year, price_gbp ON listings "
    "BEGIN\n" +
        recount("old") + recount("new") + "END",

    "ANALYZE",
    "PRAGMA application_id = " + std::to_string(kApplication),
    "PRAGMA user_version = " + std::to_string(kFormat),
};

}  // namespace

const std::span<const std::string> kCreate = kCreateAll;
const std::span<const std::string> kFinish = kFinishAll;

const std::string kInsert = R"(
  WITH row AS (
    SELECT CAST(value ->> 0 AS INTEGER) AS id, trim(value ->> 1) AS make, trim(value ->> 2) AS model,
           CAST(value ->> 3 AS INTEGER) AS year, CAST(value ->> 4 AS INTEGER) AS price_gbp,
           value ->> 5 AS transmission, CAST(value ->> 6 AS INTEGER) AS mileage_miles,
           value ->> 7 AS fuel_type, CAST(value ->> 8 AS INTEGER) AS tax_gbp,
           CAST(value ->> 9 AS REAL) AS mpg, CAST(value ->> 10 AS REAL) AS engine_litres
    FROM json_each(:batch))
  INSERT INTO listings (id, make, model, year, price_gbp, transmission, mileage_miles, fuel_type,
                        tax_gbp, mpg, engine_litres)
  SELECT id, make, model,
         CASE WHEN year BETWEEN 1990 AND 2021 THEN year END,
         price_gbp, transmission,
         CASE WHEN mileage_miles >= 100 OR year > 2018 THEN mileage_miles END,
         fuel_type, tax_gbp,
         CASE WHEN mpg >= 10 THEN mpg END,
         CASE WHEN engine_litres > 0 AND fuel_type <> 'Electric' THEN engine_litres END
  FROM row)";

const std::string kNameOrigin = "INSERT INTO origin VALUES (:origin)";

}  // namespace server
