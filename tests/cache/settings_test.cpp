// SPDX-License-Identifier: Apache-2.0
// The settings cache.*: what they set, what is refused, and that their defaults are the options'.
#include <doctest/doctest.h>

#include <string>

#include "tidegate/cache.hpp"
#include "tidegate/config.hpp"

namespace tidegate {
namespace {

using namespace std::chrono_literals;

void check_equal(const CacheOptions::Values& one, const CacheOptions::Values& other) {
  CHECK(one.ttl == other.ttl);
  CHECK(one.stale_for == other.stale_for);
  CHECK(one.negative_ttl == other.negative_ttl);
  CHECK(one.failure_throttle == other.failure_throttle);
  CHECK(one.error_ttl == other.error_ttl);
  CHECK(one.load_timeout == other.load_timeout);
  CHECK(one.soft_timeout == other.soft_timeout);
  CHECK(one.jitter == other.jitter);
  CHECK(one.refresh_ahead == other.refresh_ahead);
  CHECK(one.sliding == other.sliding);
  CHECK(one.max_entries == other.max_entries);
  CHECK(one.max_bytes == other.max_bytes);
  CHECK(one.loaders == other.loaders);
  CHECK(one.eviction == other.eviction);
  CHECK(one.redis == other.redis);
  CHECK(one.redis_timeout == other.redis_timeout);
  CHECK(one.loaders_without_redis == other.loaders_without_redis);
}

std::string refusal(std::string_view key, std::string_view value) {
  Config config;
  const Status status = config.set(key, value);
  CHECK(status.cause() == Cause::kConfig);
  return std::string(status.message());
}

// Every key at a value that is not its default.
constexpr char kAll[] = R"({"cache": {
  "ttl": "2s", "stale_for": "3s", "negative_ttl": "4s", "failure_throttle": "6s",
  "error_ttl": "7s", "load_timeout": "8s", "soft_timeout": "250ms", "jitter": 0.25,
  "refresh_ahead": 0.75, "sliding": true, "max_entries": 9, "max_bytes": 2048, "loaders": 3,
  "eviction": "strict_lru", "redis": "redis://:hunter2@cache.example:6379/1",
  "redis_timeout": "20ms", "loaders_without_redis": 3}})";

TEST_CASE("A URL of Redis is shown without who we are there, or refused without a word of it") {
  CHECK(redacted_redis_url("redis://me:hunter2@127.0.0.1/2").value() ==
        "redis://***@127.0.0.1:6379/2");
  CHECK(redacted_redis_url("unix:///run/redis.sock").value() == "unix:///run/redis.sock?db=0");
  for (const char* const url : {"hunter2", "rediss://:hunter2@host", "redis://hunter2@host", ""}) {
    const Status refused = redacted_redis_url(url).status();
    CHECK(refused.cause() == Cause::kConfig);
    CHECK(refused.message().find("hunter2") == std::string_view::npos);
  }
}

}  // namespace

TEST_CASE("Options from an empty configuration are the defaults") {
  const Config config;
  check_equal(CacheOptions::from(config).values(), CacheOptions().values());
  const auto encar = CacheOptions::from(Service::from(config, "encar")).values();
  check_equal(encar, CacheOptions().values());
  CHECK(encar.name == "encar");
}

TEST_CASE("Every key sets the option of its name") {
  Config config;
  REQUIRE(config.load_json(kAll).ok());
  check_equal(CacheOptions::from(config).values(),
              CacheOptions()
                  .ttl(2s)
                  .stale_for(3s)
                  .negative_ttl(4s)
                  .failure_throttle(6s)
                  .error_ttl(7s)
                  .load_timeout(8s)
                  .soft_timeout(250ms)
                  .jitter(0.25)
                  .refresh_ahead(0.75)
                  .sliding(true)
                  .max_entries(9)
                  .max_bytes(2048)
                  .loaders(3)
                  .eviction(Eviction::kStrictLru)
                  .redis("redis://:hunter2@cache.example:6379/1")
                  .redis_timeout(20ms)
                  .loaders_without_redis(3)
                  .values());
}

TEST_CASE("A service has a cache of its own settings, wherever they are written") {
  Config config;
  REQUIRE(config.set("cache.ttl", "5m").ok());
  REQUIRE(config.load_json(R"({"services": {"encar": {"cache": {"stale_for": "2h"}}}})").ok());
  const std::string variables[] = {"TIDEGATE_SERVICES__ENCAR__CACHE__TTL=10s",
                                   "TIDEGATE_CACHE__MAX_ENTRIES=7"};
  REQUIRE(config.load_env("TIDEGATE_", variables).ok());
  const auto encar = CacheOptions::from(Service::from(config, "encar")).values();
  CHECK(encar.ttl == 10s);
  CHECK(encar.stale_for == 2h);
  CHECK(encar.max_entries == 7);
  CHECK(CacheOptions::from(config).values().ttl == 5min);
  CHECK(CacheOptions::from(config).values().stale_for == 1h);

  const TypedCache<int> cache(CacheOptions::from(Service::from(config, "encar")));
  for (int i = 0; i < 20; ++i) cache.put(std::to_string(i), i);
  CHECK(cache.stats().entries <= 7);
}

TEST_CASE("A soft timeout that no caller could reach is none, and zero is one") {
  Config config;
  REQUIRE(config.set("cache.soft_timeout", "15s").ok());
  CHECK_FALSE(CacheOptions::from(config).values().soft_timeout.has_value());
  REQUIRE(config.set("cache.load_timeout", "16s").ok());
  CHECK(CacheOptions::from(config).values().soft_timeout == 15s);
  REQUIRE(config.set("cache.soft_timeout", "0s").ok());
  CHECK(CacheOptions::from(config).values().soft_timeout == Duration::zero());
}

TEST_CASE("What is out of range is refused with the figures") {
  CHECK(refusal("cache.jitter", "0.6") ==
        "cache.jitter is \"0.6\", but must be a number from 0 to 0.5");
  CHECK(refusal("cache.refresh_ahead", "-0.1") ==
        "cache.refresh_ahead is \"-0.1\", but must be a number from 0 to 1");
  CHECK(
      refusal("services.encar.cache.ttl", "366d") ==
      "services.encar.cache.ttl is \"366d\", but must be a duration from 0s to 365d, like \"15s\" "
      "or \"250ms\"");
  CHECK(refusal("cache.load_timeout", "0s").find("from 1ms to 24h") != std::string::npos);
  CHECK(refusal("cache.max_bytes", "100").find("from 1024 to 1099511627776") != std::string::npos);
  CHECK(refusal("cache.loaders", "0").find("from 1 to 1000") != std::string::npos);
  CHECK(refusal("cache.eviction", "lru") ==
        "cache.eviction is \"lru\", but must be one of clock_tiny_lfu, strict_lru");
}

TEST_CASE("The URL of Redis is never shown, and where there is none the settings load again so") {
  Config config;
  REQUIRE(config.load_json(kAll).ok());
  CHECK(config.to_json().find("hunter2") == std::string::npos);
  CHECK(config.to_json().find("cache.example") == std::string::npos);
  CHECK(refusal("cache.redi", "redis://:hunter2@h").find("hunter2") == std::string::npos);
  Config again;
  REQUIRE(again.load_json(Config().to_json()).ok());
  CHECK(again.text("cache.redis").empty());
}

}  // namespace tidegate
