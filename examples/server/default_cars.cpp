// SPDX-License-Identifier: Apache-2.0
#include "default_cars.hpp"

#include <cstdint>
#include <utility>

namespace server {

namespace {

struct Car {
  std::int64_t id;
  std::string_view make, model;
  std::int64_t year, price_gbp, mileage_miles;
  std::string_view fuel_type, transmission;
  double engine_litres, mpg;
  std::int64_t tax_gbp;
};

// From examples/data/uk-used-cars.csv.gz: the usual car of the four most frequent models of each
// make, nearest to the middle price and mileage of its year.
constexpr Car kCars[] = {
    {3804, "Audi", "A3", 2019, 22850, 5797, "Diesel", "Manual", 1.6, 52.3, 145},
    {13682, "BMW", "3 Series", 2019, 27450, 6038, "Petrol", "Semi-Auto", 2.0, 42.2, 145},
    {37800, "Ford", "Fiesta", 2019, 14295, 6988, "Petrol", "Manual", 1.0, 65.7, 145},
    {41331, "Hyundai", "Tucson", 2019, 19000, 6220, "Diesel", "Manual", 1.6, 48.7, 150},
    {56888, "Mercedes-Benz", "C Class", 2019, 28450, 6011, "Diesel", "Automatic", 2.0, 64.2, 150},
    {63289, "Skoda", "Fabia", 2019, 11590, 5252, "Petrol", "Manual", 1.0, 51.4, 145},
    {66294, "Toyota", "Yaris", 2019, 12491, 5274, "Petrol", "Manual", 1.5, 47.9, 140},
    {72358, "Vauxhall", "Corsa", 2019, 10300, 4717, "Petrol", "Automatic", 1.4, 39.8, 145},
    {87883, "Volkswagen", "Golf", 2019, 19750, 5999, "Petrol", "Manual", 1.5, 47.9, 145},
    {6885, "Audi", "Q3", 2019, 28950, 4443, "Petrol", "Semi-Auto", 1.5, 38.2, 145},
    {18533, "BMW", "1 Series", 2019, 20950, 5573, "Diesel", "Automatic", 2.0, 65.7, 145},
    {25556, "Ford", "Focus", 2019, 16997, 6837, "Petrol", "Manual", 1.0, 60.1, 150},
    {43111, "Hyundai", "I10", 2019, 9491, 3500, "Petrol", "Manual", 1.0, 49.6, 145},
    {44392, "Mercedes-Benz", "A Class", 2019, 22596, 5382, "Diesel", "Automatic", 1.5, 62.8, 145},
    {62347, "Skoda", "Octavia", 2019, 15699, 7328, "Petrol", "Manual", 1.5, 52.3, 150},
    {68079, "Toyota", "Aygo", 2019, 9750, 3565, "Petrol", "Manual", 1.0, 57.7, 145},
    {73917, "Vauxhall", "Astra", 2019, 13498, 8923, "Petrol", "Manual", 1.4, 51.4, 145},
    {91659, "Volkswagen", "Polo", 2019, 14495, 5000, "Petrol", "Manual", 1.0, 52.3, 145},
    {4812, "Audi", "A4", 2019, 26490, 5000, "Petrol", "Manual", 2.0, 38.2, 145},
    {17896, "BMW", "2 Series", 2019, 21875, 3995, "Petrol", "Semi-Auto", 1.5, 50.4, 145},
    {33452, "Ford", "Kuga", 2019, 19500, 8101, "Petrol", "Manual", 1.5, 35.3, 145},
    {42652, "Hyundai", "I30", 2019, 17750, 2772, "Petrol", "Automatic", 1.4, 44.1, 145},
    {52424, "Mercedes-Benz", "E Class", 2019, 33299, 7550, "Diesel", "Semi-Auto", 2.0, 57.7, 145},
    {58368, "Skoda", "Superb", 2019, 22990, 5041, "Diesel", "Automatic", 2.0, 54.3, 145},
    {66961, "Toyota", "Auris", 2019, 17995, 13250, "Hybrid", "Automatic", 1.8, 65.6, 135},
    {78740, "Vauxhall", "Mokka X", 2019, 14094, 10354, "Petrol", "Manual", 1.4, 39.2, 145},
    {94224, "Volkswagen", "Tiguan", 2019, 26599, 5862, "Diesel", "Manual", 2.0, 47.9, 145},
    {1516, "Audi", "A1", 2019, 21644, 4467, "Petrol", "Manual", 1.5, 46.3, 150},
    {11557, "BMW", "5 Series", 2019, 30000, 5479, "Petrol", "Semi-Auto", 2.0, 50.4, 145},
    {34082, "Ford", "EcoSport", 2019, 16000, 4243, "Petrol", "Semi-Auto", 1.0, 45.6, 150},
    {42833, "Hyundai", "I20", 2019, 11741, 5430, "Petrol", "Manual", 1.2, 46.3, 145},
    {55060, "Mercedes-Benz", "GLC Class", 2019, 35400, 6000, "Diesel", "Automatic", 2.0, 44.8, 145},
    {61613, "Skoda", "Kodiaq", 2019, 27495, 5500, "Diesel", "Automatic", 2.0, 39.2, 145},
    {69494, "Toyota", "C-HR", 2019, 24595, 6692, "Hybrid", "Automatic", 1.8, 74.3, 135},
    {82798, "Vauxhall", "Insignia", 2019, 14998, 13604, "Petrol", "Manual", 1.5, 50.4, 145},
    {90463, "Volkswagen", "Passat", 2019, 22490, 6232, "Petrol", "Manual", 1.5, 45.6, 145},
};

}  // namespace

tidegate::Rows default_cars(std::string_view make) {
  tidegate::Rows::Builder rows({"id", "make", "model", "year", "price_gbp", "mileage_miles",
                                "fuel_type", "transmission", "engine_litres", "mpg", "tax_gbp"});
  for (const Car& car : kCars) {
    if (!make.empty() && car.make != make) continue;
    rows.append(car.id);
    rows.append_text(car.make);
    rows.append_text(car.model);
    rows.append(car.year);
    rows.append(car.price_gbp);
    rows.append(car.mileage_miles);
    rows.append_text(car.fuel_type);
    rows.append_text(car.transmission);
    rows.append(car.engine_litres);
    rows.append(car.mpg);
    rows.append(car.tax_gbp);
  }
  return std::move(rows).build();
}

}  // namespace server
