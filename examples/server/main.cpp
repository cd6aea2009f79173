// SPDX-License-Identifier: Apache-2.0
//
// tidegate-server: a home page that recommends used cars, from real data, every query of it by its
// deadline. It is the example of how a C++ program uses tidegate:
//
//   main             from the options to the end, one step after the other
//   site             the addresses
//   recommendations  the page: four queries at once, with deadline and fallback
//   price_alerts     cars far below the median price, page by page
//   customs          a duty, asked of another service over HTTP, with a token that is kept
//   page_cache       both are kept for a while; prewarm loads what most ask for before they do
//   listings         the queries; listings_file and schema: the database that they ask
//   health           live, ready, and all there is to know
//   http_server      HTTP with every bound set; lobby and crew: who waits and who works
#include <exception>
#include <iostream>

#include "http_server.hpp"
#include "listings.hpp"
#include "listings_file.hpp"
#include "options.hpp"
#include "signals.hpp"
#include "site.hpp"
#include "tidegate/log.hpp"
#include "tidegate/runtime.hpp"
#include "tryout.hpp"

namespace {

using namespace server;

int failed(const tidegate::Status& status) {
  std::cerr << "tidegate-server: " << status.message() << "\n";
  return status.cause() == tidegate::Cause::kConfig ? kUsage : 1;
}

int run(const tidegate::Config& config) {
  const Signals signals;
  tidegate::set_log_level(*tidegate::parse_log_level(config.text("log.level")));

  Traffic traffic;
  HttpServer http(config, traffic);
  if (const auto status = http.listen(); !status.ok()) return failed(status);

  const ListingsFile file{.database = database_path(config),
                          .data = data_path(config),
                          .stopping = [&](auto timeout) { return signals.came_within(timeout); }};
  const auto prepared = prepare(file);
  if (prepared.cause() == tidegate::Cause::kCancelled) return 0;
  if (!prepared.ok()) return failed(prepared);

  Listings listings(config, file.database);
  Site site(config, listings, traffic);
  http.serve([&site](const Request& request) { return site.answer(request); });

  try_out(config.text("server.host"), http.port());
  site.warm();
  signals.wait();
  std::cout << "stopping\n" << std::flush;

  site.leave();
  http.close(config.duration("server.drain_timeout"));
  const auto ended = tidegate::shutdown(config.duration("runtime.shutdown_timeout"));
  if (!ended.ok()) std::cerr << "tidegate-server: " << ended.message() << "\n";
  http.finish();
  return 0;
}

}  // namespace

int main(int argc, char** argv) try {
  const auto options = read_options(argc, argv);
  if (const auto* exit = std::get_if<Exit>(&options)) return exit->code;
  return run(std::get<tidegate::Config>(options));
} catch (const std::exception& error) {
  std::cerr << "tidegate-server: " << error.what() << "\n";
  return 1;
}
