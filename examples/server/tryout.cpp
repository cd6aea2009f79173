// SPDX-License-Identifier: Apache-2.0
#include "tryout.hpp"

#include <httplib.h>

#include <iomanip>
#include <iostream>

#include "reply.hpp"
#include "site.hpp"
#include "tidegate/version.hpp"

namespace server {

namespace {

constexpr int kPatience = 2;  // seconds; a slow database must not hold up the start

std::string text_of(const Json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

void print(const Json& answer) {
  for (const Json& car : answer["recommendations"]) {
    std::cout << "  " << std::left << std::setw(12) << text_of(car["reason"])
              << text_of(car["year"]) << " " << text_of(car["make"]) << " " << text_of(car["model"])
              << ", £" << text_of(car["price_gbp"]) << ", " << text_of(car["mileage_miles"])
              << " mi\n";
  }
  const Json& meta = answer["meta"];
  std::cout << "  " << text_of(meta["source"]) << ", in " << text_of(meta["elapsed_ms"]) << " ms\n";
}

}  // namespace

void try_out(const std::string& host, int port) {
  const std::string there = host.find(':') == std::string::npos ? host : "[" + host + "]";
  const std::string root = "http://" + there + ":" + std::to_string(port);
  std::cout << "tidegate-server " << tidegate::version() << " on " << root << "\n\n";
  for (const Site::Address& address : Site::addresses()) {
    std::cout << "  curl '" << root << address.example << "'\n";
  }

  const std::string path = "/api/v1/home/recommendations?limit=4";
  std::cout << "\n  " << path << " answers:\n" << std::flush;
  httplib::Client client(host, port);
  client.set_connection_timeout(kPatience);
  client.set_read_timeout(kPatience);
  const auto response = client.Get(path);
  const Json answer = response ? Json::parse(response->body, nullptr, false) : Json();
  if (answer.contains("recommendations")) {
    print(answer);
  } else {
    std::cout << "  nothing within " << kPatience << " s\n";
  }
  std::cout << "\nCtrl-C stops it.\n" << std::flush;
}

}  // namespace server
