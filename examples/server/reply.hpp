// SPDX-License-Identifier: Apache-2.0
//
// Reply: what the server answers, before it becomes HTTP. And Problem: what is wrong with a
// request, as every error of the server tells it:
//
//   {"error": {"code": "out_of_range", "field": "limit", "message": "limit is …", "nearest": "50"}}
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace server {

// Keeps the order in which members are added, so that answers read as they were written.
using Json = nlohmann::ordered_json;

struct Problem {
  int status;           // of HTTP
  std::string code;     // for programs; fixed for ever
  std::string field;    // which part of the request
  std::string message;  // one sentence for people
  std::string nearest;  // the nearest valid value; left out where it is empty
};

struct Reply {
  int status = 200;
  std::string body;
  std::string content_type = "application/json";
  std::vector<std::pair<std::string, std::string>> headers;  // beside those that all answers have
  std::string etag;  // equal for answers of equal content; empty where that is not known
};

// One line of JSON. What is not UTF-8 in a text is replaced, never passed on.
std::string to_line(const Json& json);

Reply reply(const Json& json, int status = 200);
Reply reply(const Problem& problem);

// The time of now as HTTP writes it (RFC 9110, 5.6.7), for the header Date.
std::string http_date();

// Text from a client as a message may show it: in quotes, at most 40 bytes of it.
std::string in_quotes(std::string_view text);

}  // namespace server
