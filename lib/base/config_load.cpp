// SPDX-License-Identifier: Apache-2.0
//
// Where settings come from and go to: JSON text, files, the environment.

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>
#include <system_error>

#include "base/config_keys.hpp"
#include "base/config_state.hpp"
#include "base/text.hpp"
#include "tidegate/config.hpp"

extern char** environ;

namespace tidegate {

using internal::ConfigState;
using internal::Json;
using internal::JsonLimits;

namespace {

constexpr std::size_t kMaxFile = 1U << 20;

Status said_of(std::string_view source, std::string_view message) {
  return Status(Cause::kConfig, internal::one_line(source, 160) + ": " + std::string(message));
}

std::string error_text(int number) { return std::generic_category().message(number); }

class Descriptor {
 public:
  explicit Descriptor(int number) noexcept : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const noexcept { return number_; }

 private:
  int number_;
};

// O_NONBLOCK and the check of the kind keep a pipe at that path from blocking for ever.
Result<std::string> read_file(const std::string& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.get() < 0) return said_of(path, error_text(errno));
  struct stat info{};
  if (::fstat(file.get(), &info) != 0) return said_of(path, error_text(errno));
  if (!S_ISREG(info.st_mode)) return said_of(path, "is no regular file");
  std::string text;
  std::array<char, 16'384> buffer;
  while (text.size() <= kMaxFile) {
    const ssize_t got = ::read(file.get(), buffer.data(), buffer.size());
    if (got == 0) return text;
    if (got > 0) text.append(buffer.data(), static_cast<std::size_t>(got));
    if (got < 0 && errno != EINTR) return said_of(path, error_text(errno));
  }
  return said_of(path, "is larger than 1 MiB");
}

// EXECUTOR__MAX_RUNNING -> executor.max_running
std::string key_of(std::string_view variable) {
  std::string key;
  for (std::size_t i = 0; i < variable.size(); ++i) {
    if (variable.substr(i).starts_with("__")) {
      key.push_back('.');
      ++i;
    } else {
      const char c = variable[i];
      key.push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c);
    }
  }
  return key;
}

// Makes every object on the way.
Json& at(Json& tree, std::string_view key) {
  Json* place = &tree;
  while (true) {
    const std::size_t dot = key.find('.');
    place = &(*place)[key.substr(0, dot)];
    if (dot == std::string_view::npos) return *place;
    key.remove_prefix(dot + 1);
  }
}

void write(Json& tree, const ConfigState& state, const ConfigState::Values& values) {
  for (const KeyInfo& info : *state.keys) {
    const auto found = values.find(info.key);
    if (found != values.end()) at(tree, info.key) = json_of(info, found->second);
  }
}

}  // namespace

Status Config::load_json(std::string_view text) {
  const Result<Json> json = Json::parse(text, JsonLimits{.bytes = kMaxFile});
  if (!json.ok()) return Status(Cause::kConfig, json.status().message());
  if (json->if_object() == nullptr) {
    return Status(Cause::kConfig, "the configuration must be a JSON object, but is of the kind " +
                                      std::string(json->kind_name()));
  }
  auto changed = std::make_shared<ConfigState>(*state_);
  Status status = changed->merge("", *json);
  if (status.ok()) state_ = std::move(changed);
  return status;
}

Status Config::load_file(const std::string& path) {
  const Result<std::string> text = read_file(path);
  if (!text.ok()) return text.status();
  const Status status = load_json(*text);
  return status.ok() ? status : said_of(path, status.message());
}

Status Config::load_env(std::string_view prefix) {
  std::vector<std::string> variables;
  for (char** variable = environ; variable != nullptr && *variable != nullptr; ++variable) {
    if (std::string_view(*variable).starts_with(prefix)) variables.emplace_back(*variable);
  }
  return load_env(prefix, variables);
}

Status Config::load_env(std::string_view prefix, std::span<const std::string> variables) {
  auto changed = std::make_shared<ConfigState>(*state_);
  for (std::string_view variable : variables) {
    const std::size_t equals = variable.find('=');
    const std::string_view full_name = variable.substr(0, equals);
    if (equals == std::string_view::npos || !full_name.starts_with(prefix)) continue;
    const std::string_view name = full_name.substr(prefix.size());
    if (internal::is_reserved_variable(name)) continue;
    const Status status = changed->assign(key_of(name), variable.substr(equals + 1));
    if (!status.ok()) return said_of(full_name, status.message());
  }
  state_ = std::move(changed);
  return Status();
}

std::string Config::to_json() const {
  Json tree = Json::object();
  write(tree, *state_, state_->values);
  for (const auto& [name, values] : state_->services) {
    Json& service = at(tree, "services." + name);
    service = Json::object();
    write(service, *state_, values);
  }
  return tree.dump(2);
}

}  // namespace tidegate
