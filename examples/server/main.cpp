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
//   workers          several processes that do all this on one socket
//   http_server      HTTP with every bound set; lobby and crew: who waits and who works
#include <chrono>
#include <exception>
#include <iostream>

#include "http_server.hpp"
#include "listings.hpp"
#include "listings_file.hpp"
#include "options.hpp"
#include "signals.hpp"
#include "site.hpp"
#include "tidegate/log.hpp"
#include "tidegate/metrics.hpp"
#include "tidegate/runtime.hpp"
#include "tidegate/share.hpp"
#include "tryout.hpp"
#include "workers.hpp"

namespace {

using namespace server;

int failed(const tidegate::Status& status) {
  std::cerr << "tidegate-server: " << status.message() << "\n";
  return status.cause() == tidegate::Cause::kConfig ? kUsage : 1;
}

constexpr int kStopped = 4;  // of the child that prepares: told to end

int prepare_database(const tidegate::Config& config, const Signals& signals) {
  const ListingsFile file{.database = database_path(config),
                          .data = data_path(config),
                          .stopping = [&](auto timeout) { return signals.came_within(timeout); }};
  const auto prepared = prepare(file);
  if (prepared.cause() == tidegate::Cause::kCancelled) return kStopped;
  return prepared.ok() ? 0 : failed(prepared);
}

// Answers until a signal comes.
int serve(const tidegate::Config& config, HttpServer& http, Traffic& traffic,
          const Signals& signals, bool alone) {
  if (const std::string shared = config.text("runtime.state_dir"); !shared.empty()) {
    const auto status = tidegate::share_stats(shared);
    if (!status.ok()) return alone ? failed(status) : (failed(status), Workers::kCannotStart);
  }
  Listings listings(config, database_path(config));
  Site site(config, listings, traffic);
  http.serve([&site](const Request& request) { return site.answer(request); });

  if (alone) try_out(config.text("server.host"), http.port());
  site.warm();
  signals.wait();
  if (alone) std::cout << "stopping\n" << std::flush;

  site.leave();
  http.close(config.duration("server.drain_timeout"));
  const auto ended = tidegate::shutdown(config.duration("runtime.shutdown_timeout"));
  if (!ended.ok()) std::cerr << "tidegate-server: " << ended.message() << "\n";
  http.finish();
  return 0;
}

int serve_in_workers(tidegate::Config& config, HttpServer& http, Traffic& traffic, Signals& signals,
                     std::size_t count) {
  const TemporaryDirectory temporary;
  if (config.text("runtime.state_dir").empty()) {
    const auto status = config.set("runtime.state_dir", temporary.path());
    if (!status.ok()) return failed(status);
  }
  constexpr auto kLastAnswers = std::chrono::seconds(5);
  const auto patience = config.duration("server.drain_timeout") +
                        config.duration("runtime.shutdown_timeout") + kLastAnswers;
  Workers workers(signals, count, patience,
                  {.prepare = [&] { return prepare_database(config, signals); },
                   .work = [&] { return serve(config, http, traffic, signals, false); },
                   .started = [&] { try_out(config.text("server.host"), http.port()); },
                   .ending =
                       [&] {
                         http.leave_door();
                         std::cout << "stopping\n" << std::flush;
                       }});
  const int code = workers.run();
  return code == kStopped ? 0 : code;
}

int run(tidegate::Config config) {
  Signals signals;
  tidegate::set_log_level(*tidegate::parse_log_level(config.text("log.level")));

  Traffic traffic;
  HttpServer http(config, traffic);
  if (const auto status = http.listen(); !status.ok()) return failed(status);

  if (const auto count = config.integer("server.workers"); count > 1) {
    tidegate::expect_workers(static_cast<std::size_t>(count));
    return serve_in_workers(config, http, traffic, signals, static_cast<std::size_t>(count));
  }
  const int prepared = prepare_database(config, signals);
  if (prepared != 0) return prepared == kStopped ? 0 : prepared;
  return serve(config, http, traffic, signals, true);
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
