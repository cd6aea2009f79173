// SPDX-License-Identifier: Apache-2.0
#include "reply.hpp"

#include <array>
#include <ctime>

namespace server {

std::string to_line(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

Reply reply(const Json& json, int status) {
  return {.status = status, .body = to_line(json), .headers = {}, .etag = {}};
}

Reply reply(const Problem& problem) {
  Json error = {{"code", problem.code}, {"field", problem.field}, {"message", problem.message}};
  if (!problem.nearest.empty()) error["nearest"] = problem.nearest;
  return reply(Json{{"error", std::move(error)}}, problem.status);
}

std::string http_date() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  std::array<char, 32> text{};
  const std::size_t size =
      std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
  return {text.data(), size};
}

std::string in_quotes(std::string_view text) {
  constexpr std::size_t kMost = 40;
  const bool cut = text.size() > kMost;
  return "'" + std::string(text.substr(0, kMost)) + (cut ? "…'" : "'");
}

}  // namespace server
