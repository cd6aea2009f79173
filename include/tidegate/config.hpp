// SPDX-License-Identifier: Apache-2.0
//
// Config: the settings of a program as one flat set of keys with types, defaults and ranges. The
// same key is written in four ways:
//
//   in code           config.set("executor.queue", "200")
//   in JSON           {"executor": {"queue": 200}}
//   in the environment TIDEGATE_EXECUTOR__QUEUE=200     ("__" stands for the dot, case is folded)
//   in Python         queue=200
//
//   tidegate::Config config;                          // the defaults
//   tidegate::Status status = config.load_file("tidegate.json");
//   if (status.ok()) status = config.load_env();      // what is loaded later wins
//   if (!status.ok()) std::cerr << status.to_string() << '\n';
//   tidegate::Executor executor(tidegate::ExecutorOptions::from(config));
//
// Durations are texts, "15s" or "250ms"; docs/reference/config.md lists every key. Nothing is
// guessed: an unknown key, a wrong type and a value out of range are refused with the cause config
// and a sentence that names the key, the value and what is allowed, or the nearest known key. What
// fails changes nothing: a document is taken over whole or not at all.
//
// Named services hold other values for some keys, and everybody else's for the rest:
//
//   {"services": {"encar": {"sqlite": {"concurrency": 2}}}}
//   TIDEGATE_SERVICES__ENCAR__SQLITE__CONCURRENCY=2
//   Service::from(config, "encar").integer("sqlite.concurrency")      // 2
//
// Thread-safety: a value like std::string: copies are independent, and one object may be read by
// many threads while none changes it. Cost: copying copies a pointer.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tidegate/deadline.hpp"
#include "tidegate/status.hpp"

namespace tidegate {

enum class KeyType : std::int32_t { kDuration, kInteger, kBoolean, kNumber, kString };

// "duration", "integer", "boolean", "number" or "string".
std::string_view key_type_name(KeyType type) noexcept;

// One row of the key table. The texts live for ever: literals.
struct KeyInfo {
  std::string_view key;  // "executor.queue": [a-z0-9_], in sections divided by dots
  KeyType type;
  std::string_view default_text;  // written as in the environment
  std::string_view min;           // likewise, both included; empty where there is no bound
  std::string_view max;
  bool per_service;               // may be set for a named service
  std::string_view help;          // one sentence
  std::string_view choices = {};  // for a string: "debug|info|…", where only these are allowed
  bool secret = false;            // its value never appears in to_json() or in a message
};

// Config::nearness() of what is set by a setter of options.
inline constexpr int kSetInCode = 1'000'000'000;

namespace internal {
struct ConfigState;
}

class Config {
 public:
  // The library's keys, at their defaults.
  Config();

  // And a program's own beside them. Throws std::logic_error where a row is wrong: a key twice, in
  // the section `services` or badly written, or a default that is itself not allowed.
  explicit Config(std::span<const KeyInfo> more_keys);

  // One key; `services.<name>.<key>` for a service.
  Status set(std::string_view key, std::string_view value);

  // A JSON object of sections. Durations and strings are JSON strings, the others what they are.
  Status load_json(std::string_view text);

  // The same from a file of at most 1 MiB.
  Status load_file(const std::string& path);

  // Every variable whose name starts with `prefix`. Those that belong to something else are passed
  // over: TIDEGATE_CONFIG (a program's own), those of tests, and those that Kubernetes sets for a
  // service of the name tidegate.
  Status load_env(std::string_view prefix = "TIDEGATE_");

  // The same from a list of "NAME=value".
  Status load_env(std::string_view prefix, std::span<const std::string> variables);

  // The value of a key. Throws std::logic_error for a key that is unknown or of another type.
  Duration duration(std::string_view key) const;
  std::int64_t integer(std::string_view key) const;
  bool boolean(std::string_view key) const;
  double number(std::string_view key) const;
  std::string text(std::string_view key) const;

  // Where the value of a key comes from, to say which of two counts where they contradict each other
  // (lint.hpp): 0 is the default, also where a document that is loaded says the same; a larger number
  // is nearer to where it is used, and what was set in one place has one number. What a service has of
  // its own is nearer than what is for everybody. Throws as duration() does.
  int nearness(std::string_view key) const;
  // All that is set from now on is nearer than what was set before.
  void begin_layer();

  // The effective settings as indented JSON, which load_json() takes; secrets are "***".
  std::string to_json() const;

  // The names of the services that have been mentioned, in alphabetical order.
  std::vector<std::string> services() const;

  // The table: the library's keys first. Valid as long as this Config.
  std::span<const KeyInfo> keys() const& noexcept;
  std::span<const KeyInfo> keys() && = delete;

 private:
  friend class Service;
  std::shared_ptr<const internal::ConfigState> state_;
};

// The settings as one named service sees them: its own value where it has one, else the global one.
// A service that nothing was set for sees the global ones. Unaffected by later changes of `config`.
class Service {
 public:
  // Throws std::logic_error where `name` is not 1 to 64 of a-z, 0-9 and _.
  static Service from(const Config& config, std::string_view name);
  // Another one of the same settings.
  static Service from(const Service& other, std::string_view name);

  const std::string& name() const noexcept { return name_; }

  // As those of Config.
  Duration duration(std::string_view key) const;
  std::int64_t integer(std::string_view key) const;
  bool boolean(std::string_view key) const;
  double number(std::string_view key) const;
  std::string text(std::string_view key) const;
  int nearness(std::string_view key) const;

 private:
  Service(std::shared_ptr<const internal::ConfigState> state, std::string_view name);

  std::shared_ptr<const internal::ConfigState> state_;
  std::string name_;
};

}  // namespace tidegate
