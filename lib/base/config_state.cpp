// SPDX-License-Identifier: Apache-2.0

#include "base/config_state.hpp"

#include <algorithm>
#include <utility>

#include "base/nearest.hpp"
#include "base/text.hpp"

namespace tidegate::internal {
namespace {

constexpr std::string_view kServices = "services";

// "services.encar.sqlite.concurrency" is the key "sqlite.concurrency" of "encar".
struct Name {
  bool in_services = false;
  std::string_view service;
  std::string_view key;
};

Name parse_name(std::string_view name) {
  if (name == kServices) return {true, {}, {}};
  if (!name.starts_with("services.")) return {false, {}, name};
  name.remove_prefix(kServices.size() + 1);
  const std::size_t dot = name.find('.');
  if (dot == std::string_view::npos) return {true, name, {}};
  return {true, name.substr(0, dot), name.substr(dot + 1)};
}

Status bad(std::string_view name, std::string_view why) {
  return Status(Cause::kConfig, one_line(name, 160) + std::string(why));
}

Status bad_service(std::string_view service) {
  return bad("services." + std::string(service),
             ": a service name must be 1 to 64 of a-z, 0-9 and _");
}

std::string did_you_mean(std::string_view word, const std::vector<std::string>& known) {
  const std::vector<std::string_view> views(known.begin(), known.end());
  const std::string_view near = nearest(word, views);
  return near.empty() ? std::string() : "; did you mean " + std::string(near) + "?";
}

}  // namespace

bool is_service_name(std::string_view name) noexcept {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  };
  return !name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), allowed);
}

const KeyInfo* ConfigState::find(std::string_view key) const noexcept {
  for (const KeyInfo& info : *keys) {
    if (info.key == key) return &info;
  }
  return nullptr;
}

const ConfigValue* ConfigState::value(std::string_view service, std::string_view key) const {
  if (const auto own = services.find(service); own != services.end()) {
    if (const auto found = own->second.find(key); found != own->second.end()) return &found->second;
  }
  const auto found = values.find(key);
  return found == values.end() ? nullptr : &found->second;
}

Status ConfigState::unknown_key(std::string_view name) const {
  const Name parts = parse_name(name);
  const std::string prefix =
      parts.in_services ? "services." + std::string(parts.service) + "." : std::string();
  std::vector<std::string> known;
  for (const KeyInfo& info : *keys) {
    if (info.per_service || !parts.in_services) known.push_back(prefix + std::string(info.key));
  }
  return bad("unknown key " + std::string(name), did_you_mean(name, known));
}

Status ConfigState::unknown_section(const std::string& section) const {
  std::vector<std::string> known = {std::string(kServices)};
  for (const KeyInfo& info : *keys) known.emplace_back(info.key.substr(0, info.key.rfind('.')));
  return bad("unknown section " + section, did_you_mean(section, known));
}

template <class Source>
Status ConfigState::assign_from(std::string_view name, const Source& source, bool is_document) {
  const Name parts = parse_name(name);
  if (parts.in_services && name != kServices && !is_service_name(parts.service)) {
    return bad_service(parts.service);
  }
  if (parts.in_services && parts.key.empty()) return bad(name, " must be an object of sections");
  const KeyInfo* info = find(parts.key);
  if (info == nullptr) {
    const std::string section = std::string(parts.key) + ".";
    for (const KeyInfo& other : *keys) {
      if (other.key.starts_with(section)) {
        return bad(name,
                   " is a section and must be an object, with keys like " + std::string(other.key));
      }
    }
    return unknown_key(name);
  }
  if (parts.in_services && !info->per_service) return bad(name, " cannot be set for one service");

  Result<ConfigValue> value = read_value(*info, name, source);
  if (!value.ok()) return value.status();
  // A document that to_json() wrote has every key.
  const bool is_wish = !is_document || parts.in_services ||
                       value->value != read_value(*info, name, info->default_text)->value;
  value->nearness = is_wish ? 2 * layer + (parts.in_services ? 2 : 1) : 0;
  Values& target = parts.in_services ? services[std::string(parts.service)] : values;
  target.insert_or_assign(std::string(parts.key), std::move(value).value());
  return Status();
}

Status ConfigState::assign(std::string_view name, std::string_view text) {
  return assign_from(name, text, false);
}

Status ConfigState::assign(std::string_view name, const Json& json) {
  return assign_from(name, json, true);
}

Status ConfigState::merge(const std::string& section, const Json& json) {
  const Json::Object* members = json.if_object();
  const Name parts = parse_name(section);
  if (members == nullptr || (!parts.key.empty() && find(parts.key) != nullptr)) {
    return assign(section, json);
  }
  if (parts.in_services && parts.key.empty()) {
    if (section != kServices) {
      if (!is_service_name(parts.service)) return bad_service(parts.service);
      services.try_emplace(std::string(parts.service));
    }
  } else if (members->empty() && !section.empty()) {
    // Anything in it would be refused with its full name; nothing in it must not pass.
    const std::string start = std::string(parts.key) + ".";
    const bool known = std::any_of(keys->begin(), keys->end(), [&](const KeyInfo& info) {
      return info.key.starts_with(start);
    });
    if (!known) return unknown_section(section);
  }
  for (const Json::Member& member : *members) {
    const std::string name = section.empty() ? member.key : section + "." + member.key;
    if (Status status = merge(name, member.value); !status.ok()) return status;
  }
  return Status();
}

}  // namespace tidegate::internal
