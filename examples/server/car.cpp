// SPDX-License-Identifier: Apache-2.0
#include "car.hpp"

namespace server {

using tidegate::Row;
using tidegate::Value;
using tidegate::ValueKind;

namespace {

Json json_of(const Value& value) {
  switch (value.kind()) {
    case ValueKind::kInteger: return value.integer();
    case ValueKind::kReal: return value.real();
    case ValueKind::kText:
    case ValueKind::kBytes: return value.text();
    case ValueKind::kNull: break;
  }
  return nullptr;
}

}  // namespace

Json car_json(const Row& row) {
  Json car = Json::object();
  for (const char* column : {"id", "make", "model", "year", "price_gbp", "mileage_miles",
                             "fuel_type", "transmission", "engine_litres", "mpg", "tax_gbp"}) {
    car[column] = json_of(row[column]);
  }
  return car;
}

void add_known(Json& car, const Row& row, std::initializer_list<const char*> columns) {
  for (const char* column : columns) {
    if (!row[column].is_null()) car[column] = json_of(row[column]);
  }
}

std::string car_identity(const Row& row) {
  std::string identity;
  for (const char* column : {"make", "model", "year", "price_gbp", "mileage_miles", "fuel_type"}) {
    const Value value = row[column];
    identity.append(value.text()).append(std::to_string(value.integer())).append(1, '|');
  }
  return identity;
}

}  // namespace server
