// SPDX-License-Identifier: Apache-2.0
#include "options.hpp"

#include <CLI/CLI.hpp>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "customs.hpp"
#include "nearest.hpp"
#include "tidegate/cache.hpp"
#include "tidegate/lint.hpp"
#include "tidegate/version.hpp"

namespace server {

using tidegate::Config;
using tidegate::KeyInfo;
using tidegate::Result;
using tidegate::Service;
using tidegate::Status;

namespace {

using enum tidegate::KeyType;

constexpr KeyInfo kKeys[] = {
    {"server.host", kString, "127.0.0.1", "", "", false, "The address to listen on."},
    {"server.port", kInteger, "8080", "0", "65535", false, "The port; 0 takes any free one."},
    {"server.database", kString, "", "", "", false,
     "The database of listings, built if it is not there; empty: tidegate/cars.db in the user's "
     "cache."},
    {"server.data", kString, "", "", "", false,
     "The data file to build it from; empty: the one that came with the program."},
    {"server.customs_url", kString, "", "", "", false,
     "The customs calculator, \"http://host:port\"; empty: no customs duties."},
    {"server.probe_timeout", kDuration, "500ms", "1ms", "1m", false,
     "The time in which the database, and the customs calculator, has to answer to be called "
     "healthy."},
    {"server.workers", kInteger, "1", "1", "256", false,
     "Processes that answer; more than one are started again where they end."},
    {"server.threads", kInteger, "64", "1", "1000", false, "Pages that are answered at once."},
    {"server.queue", kInteger, "1000", "0", "100000", false,
     "Requests that may wait for a thread; the next is answered with 503."},
    {"server.connections", kInteger, "1000", "1", "100000", false,
     "Connections at once; a newcomer then takes the place of one that waits."},
    {"server.kept_connections", kInteger, "256", "0", "100000", false,
     "Connections that may stay for another request; the others are closed after their answer."},
    {"server.keep_alive", kDuration, "5s", "1ms", "1h", false,
     "How long a connection may stay without a request."},
    {"server.read_timeout", kDuration, "2s", "1ms", "1h", false,
     "The time from the first byte of a request to the end of its headers."},
    {"server.write_timeout", kDuration, "2s", "1ms", "1h", false,
     "The time in which a client has to take its answer."},
    {"server.drain_timeout", kDuration, "3s", "0s", "1h", false,
     "How long requests in flight may go on after SIGTERM or SIGINT."},
    {"server.prewarm", kBoolean, "true", "", "", false,
     "Whether common pages are loaded before a client asks for them, and kept fresh."},
    {"server.prewarm_timeout", kDuration, "5s", "0s", "1h", false,
     "How long readiness waits at the start for those pages, at most."},
};

// What the named services have otherwise than the library; settings say more.
constexpr std::pair<const char*, const char*> kServices[] = {
    {"services.recommendations.cache.refresh_ahead", "0.75"},
    {"services.price_alerts.cache.refresh_ahead", "0.75"},
    {"services.price_alerts.cache.ttl", "5m"},
    {"services.customs.cache.refresh_ahead", "0.75"},
    {"services.customs.cache.stale_for", "0s"},
    {"services.customs.cache.jitter", "0"},
    {"services.customs.gate.breaker", "true"},
};

// An option of the command line that is a key, too.
struct Shortcut {
  const char* option;
  const char* key;
  const char* help;
  std::optional<std::string> given = {};
};

std::string home_of_caches() {
  if (const char* cache = std::getenv("XDG_CACHE_HOME"); cache && *cache) return cache;
  if (const char* home = std::getenv("HOME"); home && *home) return std::string(home) + "/.cache";
  return std::filesystem::temp_directory_path().string();
}

Exit failed(std::string_view what) {
  std::cerr << "tidegate-server: " << what << "\n";
  return {kUsage};
}

// What its workers count together is shared (customs.cpp).
Exit checked(const Config& config) {
  int code = 0;
  for (const tidegate::Finding& finding : tidegate::lint(config)) {
    std::cout << (finding.refuses ? "refused: " : "warning: ") << finding.to_string() << "\n";
    if (finding.refuses) code = kUsage;
  }
  return {code};
}

Status load(Config& config, std::string file, const std::vector<Shortcut>& shortcuts) {
  for (const auto& [key, value] : kServices) {
    if (Status status = config.set(key, value); !status.ok()) return status;
  }
  if (const char* named = std::getenv("TIDEGATE_CONFIG"); file.empty() && named) file = named;
  if (!file.empty()) {
    if (Status status = config.load_file(file); !status.ok()) return status;
  }
  if (Status status = config.load_env(); !status.ok()) return status;
  for (const Shortcut& shortcut : shortcuts) {
    if (!shortcut.given) continue;
    if (const Status status = config.set(shortcut.key, *shortcut.given); !status.ok()) {
      return Status(status.cause(),
                    std::string(shortcut.option) + ": " + std::string(status.message()));
    }
  }
  for (const char* service : {"recommendations", "price_alerts"}) {
    const std::string url = Service::from(config, service).text("cache.redis");
    if (url.empty()) continue;
    const Result<std::string> shown = tidegate::redacted_redis_url(url);
    if (!shown.ok()) {
      return Status(shown.status().cause(),
                    "cache.redis: " + std::string(shown.status().message()));
    }
  }
  return check_customs_url(config.text("server.customs_url"));
}

}  // namespace

std::variant<Config, Exit> read_options(int argc, char** argv) {
  std::vector<Shortcut> shortcuts = {
      {"--host", "server.host", "The address to listen on [127.0.0.1]"},
      {"--port", "server.port", "The port; 0 takes any free one [8080]"},
      {"--database", "server.database", "The database, built if it is not there [user's cache]"},
      {"--data", "server.data", "The data file to build it from [the one of the source tree]"},
      {"--redis", "cache.redis", "The URL of the Redis through which servers share pages [none]"},
      {"--customs-url", "server.customs_url", "The URL of the customs calculator [none]"},
      {"--workers", "server.workers", "Processes that answer [1]"},
      {"--state-dir", "runtime.state_dir",
       "The directory in which workers share their metrics and gates [a temporary one]"},
  };
  std::string file;
  bool print_config = false;
  bool check_config = false;

  CLI::App app("Recommends used cars: the example server of tidegate.", "tidegate-server");
  app.set_version_flag("--version", "tidegate-server " + std::string(tidegate::version()));
  app.add_option("--config", file, "A JSON file of settings [TIDEGATE_CONFIG]")
      ->type_name("FILE")
      ->take_last();
  app.add_flag("--print-config", print_config, "Print the settings in effect and end");
  app.add_flag("--check-config", check_config,
               "Print what contradicts itself in the settings and end, with 2 where it is refused");
  for (Shortcut& shortcut : shortcuts) {
    app.add_option(shortcut.option, shortcut.given, shortcut.help)->type_name("VALUE")->take_last();
  }
  app.footer(
      "Every key of --print-config can be set in the file and in the environment, for "
      "example TIDEGATE_SERVER__PORT=9000.");
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& asked) {
    return Exit{app.exit(asked)};
  } catch (const CLI::ExtrasError&) {
    static constexpr std::array<std::string_view, 13> kOptions = {
        "--host",         "--port",    "--database",  "--data",   "--redis",
        "--customs-url",  "--workers", "--state-dir", "--config", "--print-config",
        "--check-config", "--help",    "--version"};
    const std::string unknown = app.remaining().front();
    if (!unknown.starts_with('-'))
      return failed("unexpected argument '" + unknown + "'; see --help");
    return failed("unknown option '" + unknown + "'; did you mean '" +
                  std::string(nearest(unknown, kOptions)) + "'?");
  } catch (const CLI::ParseError& error) {
    return failed(error.what());
  }

  Config config{kKeys};
  if (const Status status = load(config, file, shortcuts); !status.ok()) {
    return failed(status.message());
  }
  if (print_config) {
    std::cout << config.to_json() << "\n";
    return Exit{0};
  }
  if (check_config) return checked(config);
  for (const tidegate::Finding& finding : tidegate::lint(config)) {
    if (finding.refuses) return failed(finding.to_string());
  }
  return config;
}

std::string database_path(const Config& config) {
  const std::string named = config.text("server.database");
  return named.empty() ? home_of_caches() + "/tidegate/cars.db" : named;
}

std::string data_path(const Config& config) {
  constexpr const char* kName = "uk-used-cars.csv.gz";
  if (std::string named = config.text("server.data"); !named.empty()) return named;
  std::error_code ignored;
  const auto program = std::filesystem::read_symlink("/proc/self/exe", ignored);
  for (auto folder = program.parent_path(); folder.has_relative_path();
       folder = folder.parent_path()) {
    for (const char* place : {"examples/data", "share/tidegate"}) {
      const auto file = folder / place / kName;
      if (std::filesystem::exists(file, ignored)) return file.string();
    }
  }
  return std::string("examples/data/") + kName;
}

}  // namespace server
