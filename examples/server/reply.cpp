// SPDX-License-Identifier: Apache-2.0
#include "reply.hpp"

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

std::string in_quotes(std::string_view text) {
  constexpr std::size_t kMost = 40;
  const bool cut = text.size() > kMost;
  return "'" + std::string(text.substr(0, kMost)) + (cut ? "…'" : "'");
}

}  // namespace server
