// SPDX-License-Identifier: Apache-2.0

#include "tidegate/config.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <stdexcept>
#include <string>
#include <vector>

using namespace tidegate;
using namespace std::chrono_literals;

namespace {

constexpr KeyInfo kServerKeys[] = {
    {"server.port", KeyType::kInteger, "8080", "0", "65535", false, "The port."},
    {"server.ratio", KeyType::kNumber, "0.5", "0", "1", true, "A ratio."},
    {"server.verbose", KeyType::kBoolean, "false", "", "", true, "A switch."},
    {"server.token", KeyType::kString, "", "", "", true, "A secret.", "", true},
    {"server.mode", KeyType::kString, "a", "", "", false, "A choice.", "a|b"},
    {"server.least", KeyType::kInteger, "5", "1", "", false, "At least."},
    {"server.most", KeyType::kDuration, "5s", "", "1m", false, "At most."},
};

std::string refusal(const Status& status) {
  CHECK_FALSE(status.ok());
  CHECK(status.cause() == Cause::kConfig);
  return std::string(status.message());
}

std::string json_refusal(std::string_view text) {
  Config config(kServerKeys);
  const std::string before = config.to_json();
  const std::string message = refusal(config.load_json(text));
  CHECK(config.to_json() == before);  // all or nothing
  return message;
}

std::string env_refusal(const std::string& variable) {
  Config config(kServerKeys);
  const std::vector<std::string> list = {"TIDEGATE_EXECUTOR__QUEUE=7", variable};
  const std::string message = refusal(config.load_env("TIDEGATE_", list));
  CHECK(config.integer("executor.queue") == 1000);
  return message;
}

class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& text) {
    const int file = mkstemp(path_.data());
    REQUIRE(file >= 0);
    REQUIRE(::write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
    ::close(file);
  }
  ~TemporaryFile() { ::unlink(path_.c_str()); }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_ = "/tmp/tidegate_config_XXXXXX";
};

}  // namespace

TEST_CASE("AConfigStartsWithTheDefaults") {
  const Config config;
  CHECK(config.integer("executor.max_running") == 64);
  CHECK(config.integer("executor.queue") == 1000);
  CHECK(config.duration("executor.query_timeout") == 15s);
  CHECK(config.duration("executor.page_timeout") == 18s);
  CHECK(config.integer("executor.callable_concurrency") == 16);
  CHECK(config.integer("executor.zombies_per_permit") == 2);
  CHECK(config.integer("sqlite.concurrency") == 4);
  CHECK(config.integer("sqlite.max_rows") == 100'000);
  CHECK(config.integer("sqlite.max_bytes") == 64 << 20);
  CHECK(config.duration("sqlite.busy_timeout") == 1s);
  CHECK(config.integer("sqlite.max_value_bytes") == 16 << 20);
  CHECK(config.duration("runtime.shutdown_timeout") == 2s);
  CHECK(config.text("runtime.state_dir").empty());
  CHECK(config.text("log.level") == "warning");
}

TEST_CASE("TheSameKeyIsSetFromCodeJsonAndEnvironment") {
  Config config(kServerKeys);
  REQUIRE(config.set("executor.query_timeout", "250ms").ok());
  CHECK(config.duration("executor.query_timeout") == 250ms);
  REQUIRE(config
              .load_json(R"({"executor": {"query_timeout": "7s", "queue": 5},
                               "server": {"ratio": 1, "verbose": true, "token": "s"},
                               "log.level": "error"})")
              .ok());
  CHECK(config.duration("executor.query_timeout") == 7s);
  CHECK(config.integer("executor.queue") == 5);
  CHECK(config.number("server.ratio") == 1.0);
  CHECK(config.boolean("server.verbose"));
  CHECK(config.text("log.level") == "error");
  const std::vector<std::string> list = {
      "TIDEGATE_EXECUTOR__QUERY_TIMEOUT=9s", "TIDEGATE_server__Verbose=OFF",
      "TIDEGATE_SERVER__TOKEN=a=b", "OTHER_EXECUTOR__QUEUE=1", "TIDEGATE_NO_EQUALS"};
  REQUIRE(config.load_env("TIDEGATE_", list).ok());
  CHECK(config.duration("executor.query_timeout") == 9s);
  CHECK_FALSE(config.boolean("server.verbose"));
  CHECK(config.text("server.token") == "a=b");
  CHECK(config.integer("executor.queue") == 5);
}

TEST_CASE("WhatIsLoadedLaterWins") {
  Config config;
  const std::vector<std::string> list = {"TIDEGATE_EXECUTOR__QUEUE=1"};
  REQUIRE(config.load_env("TIDEGATE_", list).ok());
  REQUIRE(config.load_json(R"({"executor": {"queue": 2}})").ok());
  CHECK(config.integer("executor.queue") == 2);
  REQUIRE(config.load_env("TIDEGATE_", list).ok());
  CHECK(config.integer("executor.queue") == 1);
}

TEST_CASE("TheProcessEnvironmentIsRead") {
  ::setenv("TIDEGATE_TEST_PREFIX_EXECUTOR__QUEUE", "42", 1);
  Config config;
  CHECK(config.load_env("TIDEGATE_TEST_PREFIX_").ok());
  ::unsetenv("TIDEGATE_TEST_PREFIX_EXECUTOR__QUEUE");
  CHECK(config.integer("executor.queue") == 42);
}

TEST_CASE("VariablesOfOthersArePassedOver") {
  Config config;
  const std::vector<std::string> list = {
      "TIDEGATE_ATFORK=0", "TIDEGATE_DEEP=1",          "TIDEGATE_SERVER=/bin/x",
      "TIDEGATE_CONFIG=x", "TIDEGATE_PORT=tcp://1:80", "TIDEGATE_SERVICE_HOST=10.0.0.1",
      "TIDEGATE_PYTHON=x", "TIDEGATE_SOURCE_DIR=/x",   "TIDEGATE_PORT_80_TCP_PORT=80"};
  CHECK(config.load_env("TIDEGATE_", list).ok());
}

TEST_CASE("UnknownKeyNamesTheNearestKnownOne") {
  struct Row {
    std::string_view key;
    std::string_view message;
  };
  const Row rows[] = {
      {"executor.quue", "unknown key executor.quue; did you mean executor.queue?"},
      {"executor.qeueu", "unknown key executor.qeueu; did you mean executor.queue?"},
      {"excutor.queue", "unknown key excutor.queue; did you mean executor.queue?"},
      {"sqlite.max_row", "unknown key sqlite.max_row; did you mean sqlite.max_rows?"},
      {"log.levle", "unknown key log.levle; did you mean log.level?"},
      {"executor_queue", "unknown key executor_queue; did you mean executor.queue?"},
      {"max_running", "unknown key max_running; did you mean executor.max_running?"},
      {"services.encar.sqlite.concurency",
       "unknown key services.encar.sqlite.concurency; did you mean "
       "services.encar.sqlite.concurrency?"},
      {"colour", "unknown key colour"},
      {"", "unknown key "},
      {"executor.", "unknown key executor."},
      {"executor.queue.x.y.z", "unknown key executor.queue.x.y.z"},
  };
  Config config;
  for (const Row& row : rows) CHECK(refusal(config.set(row.key, "1")) == row.message);
  CHECK(refusal(config.set(std::string(100'000, 'q'), "1")).size() < 300);
  CHECK(refusal(config.set("bad\nkey\xff", "1")) == "unknown key bad\\nkey\xEF\xBF\xBD");
}

TEST_CASE("ABadValueNamesKeyValueAndWhatIsAllowed") {
  struct Row {
    std::string_view key;
    std::string_view value;
    std::string_view message;
  };
  const Row rows[] = {
      {"executor.queue", "abc",
       R"(executor.queue is "abc", but must be an integer from 0 to 1000000)"},
      {"executor.queue", "-1",
       R"(executor.queue is "-1", but must be an integer from 0 to 1000000)"},
      {"executor.queue", "1000001",
       R"(executor.queue is "1000001", but must be an integer from 0 to 1000000)"},
      {"executor.queue", "", R"(executor.queue is "", but must be an integer from 0 to 1000000)"},
      {"executor.queue", "1.0",
       R"(executor.queue is "1.0", but must be an integer from 0 to 1000000)"},
      {"executor.queue", "99999999999999999999",
       R"(executor.queue is "99999999999999999999", but must be an integer from 0 to 1000000)"},
      {"executor.query_timeout", "15",
       R"(executor.query_timeout is "15", but must be a duration from 1ms to 24h, like "15s" or "250ms")"},
      {"executor.query_timeout", "0s",
       R"(executor.query_timeout is "0s", but must be a duration from 1ms to 24h, like "15s" or "250ms")"},
      {"server.ratio", "1.01", R"(server.ratio is "1.01", but must be a number from 0 to 1)"},
      {"server.ratio", "nan", R"(server.ratio is "nan", but must be a number from 0 to 1)"},
      {"server.verbose", "maybe", R"(server.verbose is "maybe", but must be true or false)"},
      {"server.mode", "c", R"(server.mode is "c", but must be one of a, b)"},
      {"server.mode", "a|b", R"(server.mode is "a|b", but must be one of a, b)"},
      {"server.least", "0", R"(server.least is "0", but must be an integer of at least 1)"},
      {"server.most", "2m",
       R"(server.most is "2m", but must be a duration of at most 1m, like "15s" or "250ms")"},
      {"log.level", "WARNING",
       R"(log.level is "WARNING", but must be one of debug, info, warning, error, off)"},
      {"services.encar.sqlite.concurrency", "x",
       R"(services.encar.sqlite.concurrency is "x", but must be an integer from 1 to 256)"},
      {"services.encar.executor.queue", "1",
       "services.encar.executor.queue cannot be set for one service"},
  };
  Config config(kServerKeys);
  for (const Row& row : rows) CHECK(refusal(config.set(row.key, row.value)) == row.message);
  CHECK(refusal(config.set("executor.queue", std::string(100'000, '1') + "\n")).size() < 200);
}

TEST_CASE("BoundsThemselvesAreAllowed") {
  Config config(kServerKeys);
  for (std::string_view value : {"0", "1000000"}) CHECK(config.set("executor.queue", value).ok());
  for (std::string_view value : {"1ms", "24h"})
    CHECK(config.set("executor.query_timeout", value).ok());
  for (std::string_view value : {"0", "1", "1e-3"}) CHECK(config.set("server.ratio", value).ok());
  for (std::string_view value : {"true", "FALSE", "1", "0", "yes", "No", "on", "off"}) {
    CHECK(config.set("server.verbose", value).ok());
  }
}

TEST_CASE("WrongJsonIsRefusedWithTheFullKey") {
  struct Row {
    std::string_view text;
    std::string_view message;
  };
  const Row rows[] = {
      {R"({"executor": {"queue": "5"}})",
       R"(executor.queue is the string "5", but must be an integer from 0 to 1000000)"},
      {R"({"executor": {"queue": 5.0}})",
       "executor.queue is the number 5.0, but must be an integer from 0 to 1000000"},
      {R"({"executor": {"queue": null}})",
       "executor.queue is null, but must be an integer from 0 to 1000000"},
      {R"({"executor": {"queue": [1]}})",
       "executor.queue is an array, but must be an integer from 0 to 1000000"},
      {R"({"executor": {"queue": {}}})",
       "executor.queue is an object, but must be an integer from 0 to 1000000"},
      {R"({"executor": {"query_timeout": 15}})",
       "executor.query_timeout is the integer 15, but must be a duration from 1ms to 24h, like "
       "\"15s\" or \"250ms\""},
      {R"({"executor": {"queue": -1}})",
       "executor.queue is \"-1\", but must be an integer from 0 to 1000000"},
      {R"({"server": {"verbose": 1}})",
       "server.verbose is the integer 1, but must be true or false"},
      {R"({"server": {"token": 1}})", "server.token is not as it should be, but must be a string"},
      {R"({"executor": 5})",
       "executor is a section and must be an object, with keys like executor.max_running"},
      {R"({"excutor": {"queue": 5}})", "unknown key excutor.queue; did you mean executor.queue?"},
      {R"({"excutor": {}})", "unknown section excutor; did you mean executor?"},
      {R"({"executor": {"queue": 5}, "nonsense": {}})", "unknown section nonsense"},
      {R"({"services": 5})", "services must be an object of sections"},
      {R"({"services": {"encar": 5}})", "services.encar must be an object of sections"},
      {R"({"services": {"Encar": {}}})",
       "services.Encar: a service name must be 1 to 64 of a-z, 0-9 and _"},
      {R"({"services": {"": {}}})", "services.: a service name must be 1 to 64 of a-z, 0-9 and _"},
      {R"({"services": {"encar": {"sqlite": 5}}})",
       "services.encar.sqlite is a section and must be an object, with keys like "
       "sqlite.concurrency"},
      {R"({"services": {"encar": {"runtime": {"shutdown_timeout": "1s"}}}})",
       "services.encar.runtime.shutdown_timeout cannot be set for one service"},
      {R"({"services": {"encar": {"sqlite": {"rows": 1}}}})",
       "unknown key services.encar.sqlite.rows; did you mean services.encar.sqlite.max_rows?"},
      {R"({"services": {"encar": {"sqlit": {}}}})", "unknown section services.encar.sqlit"},
      {R"([])", "the configuration must be a JSON object, but is of the kind array"},
      {R"({"executor": {"queue": 1, "queue": 2}})",
       "line 1, column 33: key 'queue' comes twice in one object"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    CHECK(json_refusal(row.text) == row.message);
  }
  CHECK(json_refusal("{\n  \"executor\": {,}\n}").starts_with("line 2, column 16: "));
  CHECK(json_refusal("").starts_with("line 1, column 1: "));
}

TEST_CASE("ABadVariableIsNamedAndNothingIsTakenOver") {
  CHECK(env_refusal("TIDEGATE_EXECUTOR_QUEUE=5") ==
        "TIDEGATE_EXECUTOR_QUEUE: unknown key executor_queue; did you mean executor.queue?");
  CHECK(env_refusal("TIDEGATE_EXECUTOR__QUEU=5") ==
        "TIDEGATE_EXECUTOR__QUEU: unknown key executor.queu; did you mean executor.queue?");
  CHECK(env_refusal("TIDEGATE_EXECUTOR__QUEUE=five") ==
        "TIDEGATE_EXECUTOR__QUEUE: executor.queue is \"five\", but must be an integer from 0 to "
        "1000000");
  CHECK(env_refusal("TIDEGATE_=5") == "TIDEGATE_: unknown key ");
}

TEST_CASE("ANamedServiceHasItsOwnValuesAndTheGlobalOnes") {
  Config config;
  REQUIRE(config
              .load_json(R"({"sqlite": {"max_rows": 50},
                               "services": {"encar": {"sqlite": {"concurrency": 2}}, "tks_customs": {}}})")
              .ok());
  const std::vector<std::string> list = {
      "TIDEGATE_SERVICES__CHE168_CHINESE__SQLITE__CONCURRENCY=3"};
  REQUIRE(config.load_env("TIDEGATE_", list).ok());
  REQUIRE(config.set("services.encar.executor.query_timeout", "3s").ok());
  const Service encar = Service::from(config, "encar");
  CHECK(encar.name() == "encar");
  CHECK(encar.integer("sqlite.concurrency") == 2);
  CHECK(encar.integer("sqlite.max_rows") == 50);
  CHECK(encar.duration("executor.query_timeout") == 3s);
  CHECK(encar.text("log.level") == "warning");
  CHECK(Service::from(config, "che168_chinese").integer("sqlite.concurrency") == 3);
  CHECK(Service::from(config, "never_mentioned").integer("sqlite.concurrency") == 4);
  CHECK(config.integer("sqlite.concurrency") == 4);
  CHECK(config.services() == std::vector<std::string>{"che168_chinese", "encar", "tks_customs"});
}

TEST_CASE("AServiceIsUnaffectedByLaterChanges") {
  Config config;
  const Service service = Service::from(config, "encar");
  REQUIRE(config.set("sqlite.concurrency", "9").ok());
  CHECK(service.integer("sqlite.concurrency") == 4);
  CHECK(config.integer("sqlite.concurrency") == 9);
}

TEST_CASE("CopiesAreIndependent") {
  Config first;
  Config second = first;
  REQUIRE(second.set("executor.queue", "3").ok());
  CHECK(first.integer("executor.queue") == 1000);
}

TEST_CASE("ReadingAKeyWronglyIsAProgrammingError") {
  const Config config(kServerKeys);
  CHECK_THROWS_AS((void)config.integer("executor.query_timeout"), std::logic_error);
  CHECK_THROWS_AS((void)config.duration("executor.queue"), std::logic_error);
  CHECK_THROWS_AS((void)config.number("executor.queue"), std::logic_error);
  CHECK_THROWS_AS((void)config.boolean("server.token"), std::logic_error);
  CHECK_THROWS_AS((void)config.text("no.such_key"), std::logic_error);
  CHECK_THROWS_AS((void)Service::from(config, "encar").text("executor.queue"), std::logic_error);
  CHECK_THROWS_AS(Service::from(config, "Not a name"), std::logic_error);
  CHECK_THROWS_AS(Service::from(config, std::string(65, 'a')), std::logic_error);
}

TEST_CASE("AWrongRowInAProgramsTableIsAProgrammingError") {
  const KeyInfo rows[] = {
      {"executor.queue", KeyType::kInteger, "1", "", "", false, "Twice."},
      {"services.port", KeyType::kInteger, "1", "", "", false, "In the section of services."},
      {"services", KeyType::kInteger, "1", "", "", false, "The section of services."},
      {"Server.port", KeyType::kInteger, "1", "", "", false, "Upper case."},
      {"server..port", KeyType::kInteger, "1", "", "", false, "An empty section."},
      {"server.a__b", KeyType::kInteger, "1", "", "", false,
       "Not to be written in the environment."},
      {".port", KeyType::kInteger, "1", "", "", false, "No section."},
      {"server.port", KeyType::kInteger, "x", "", "", false, "A bad default."},
      {"server.port", KeyType::kInteger, "1", "2", "", false, "A default below the bound."},
      {"server.port", KeyType::kInteger, "1", "x", "", false, "A bad bound."},
      {"server.mode", KeyType::kString, "c", "", "", false, "A default that is no choice.", "a|b"},
  };
  for (const KeyInfo& row : rows) {
    CAPTURE(row.help);
    CHECK_THROWS_AS(Config(std::span<const KeyInfo>(&row, 1)), std::logic_error);
  }
}

TEST_CASE("TheEffectiveSettingsCanBeLoadedAgainAndHideSecrets") {
  Config config(kServerKeys);
  REQUIRE(config
              .load_json(R"({"executor": {"query_timeout": "250ms"}, "server": {"token": "hunter2"},
                               "services": {"encar": {"sqlite": {"concurrency": 2},
                                                      "server": {"token": "hunter3"}}, "empty": {}}})")
              .ok());
  const std::string json = config.to_json();
  CHECK(json.find("hunter") == std::string::npos);
  CHECK(json.find(R"("token": "***")") != std::string::npos);
  CHECK(Config(kServerKeys).to_json().find(R"("token": "")") != std::string::npos);
  Config again(kServerKeys);
  REQUIRE(again.load_json(json).ok());
  CHECK(again.to_json() == json);
  CHECK(again.duration("executor.query_timeout") == 250ms);
  CHECK(Service::from(again, "encar").integer("sqlite.concurrency") == 2);
  CHECK(Config().to_json().starts_with("{\n  \"executor\": {\n    \"max_running\": 64,\n"));
}

TEST_CASE("ASecretNeverAppearsInAMessage") {
  const KeyInfo rows[] = {
      {"server.pin", KeyType::kInteger, "0", "", "", false, "A secret.", "", true}};
  Config config(rows);
  CHECK(refusal(config.set("server.pin", "hunter2")).find("hunter2") == std::string::npos);
  CHECK(refusal(config.load_json(R"({"server": {"pin": "hunter2"}})")).find("hunter2") ==
        std::string::npos);
}

TEST_CASE("AFileIsReadAndItsErrorsNameIt") {
  Config config;
  const TemporaryFile good(R"({"executor": {"queue": 12}})");
  REQUIRE(config.load_file(good.path()).ok());
  CHECK(config.integer("executor.queue") == 12);

  const TemporaryFile broken("{\n\"executor\": }");
  CHECK(refusal(config.load_file(broken.path()))
            .starts_with(broken.path() + ": line 2, column 13: "));
  CHECK(refusal(config.load_file(good.path() + ".none")) ==
        good.path() + ".none: No such file or directory");
  CHECK(refusal(config.load_file("/tmp")) == "/tmp: is no regular file");
  CHECK(refusal(config.load_file("")) == ": No such file or directory");
  const TemporaryFile large(std::string((1U << 20) + 1, ' '));
  CHECK(refusal(config.load_file(large.path())) == large.path() + ": is larger than 1 MiB");
  CHECK(config.integer("executor.queue") == 12);
}

TEST_CASE("APipeAtThePathOfAFileDoesNotBlock") {
  const TemporaryFile file("");
  const std::string path = file.path() + ".pipe";
  REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  Config config;
  const std::string message = refusal(config.load_file(path));
  ::unlink(path.c_str());
  CHECK(message == path + ": is no regular file");
}

TEST_CASE("TheKeyTableIsTheLibrarysAndThenTheProgramsOwn") {
  const Config library, config(kServerKeys);
  CHECK(config.keys().front().key == "executor.max_running");
  CHECK(config.keys().back().key == "server.most");
  CHECK(config.keys().size() == library.keys().size() + std::size(kServerKeys));
}
