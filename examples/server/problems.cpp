// SPDX-License-Identifier: Apache-2.0
#include "problems.hpp"

#include "head.hpp"

namespace server::problems {

namespace {

std::string kibibytes(std::size_t bytes) { return std::to_string(bytes / 1024) + " KiB"; }

std::string_view reason_phrase(int status) {
  switch (status) {
    case 400: return "Bad Request";
    case 408: return "Request Timeout";
    case 414: return "URI Too Long";
    case 431: return "Request Header Fields Too Large";
    default: return "Service Unavailable";
  }
}

}  // namespace

Problem busy() {
  return {503, "busy", "server", "every worker is busy and the queue is full; try again later", {}};
}
Problem slow_head() {
  return {408, "slow_request", "head", "the request did not come whole in time", {}};
}
Problem long_line() {
  return {
      414, "too_long", "path", "the request line is longer than " + kibibytes(kLongestLine), {}};
}
Problem large_head() {
  return {431,
          "too_large",
          "headers",
          "the request's headers are larger than " + kibibytes(kLargestHead) +
              ", or one of them than " + kibibytes(kLongestLine),
          {}};
}
Problem unavailable(const tidegate::Status& why, std::string_view field, std::string_view name) {
  return {503,
          "unavailable",
          std::string(field),
          std::string(name) + " did not answer: " +
              std::string(tidegate::cause_info(why.cause()).name) + "; try again later",
          {}};
}
Problem not_set(std::string_view option, std::string_view name) {
  return {404,
          "not_set",
          "path",
          std::string(name) + " is not set; start the server with " + std::string(option),
          {}};
}
Problem failed() { return {500, "internal", "server", "the request could not be answered", {}}; }
Problem unknown_path(std::string_view path, std::string_view nearest) {
  return {404, "unknown_path", "path",
          "nothing is at " + in_quotes(path) + "; did you mean '" + std::string(nearest) + "'?",
          std::string(nearest)};
}
Problem wrong_method(std::string_view method) {
  return {405, "wrong_method", "method", in_quotes(method) + " is not for this address; use GET",
          "GET"};
}
Problem unwanted_body() {
  return {413, "unwanted_body", "body", "no address here takes a request body; send none", {}};
}
Problem encoded_body() {
  return {415,
          "encoded_body",
          "content-encoding",
          "request bodies are not decoded; send no Content-Encoding",
          {}};
}
Problem refused(int status) {
  switch (status) {
    case 416:
      return {416, "bad_range", "range", "the header Range cannot be read; leave it out", {}};
    default: return {status, "bad_request", "head", "the request cannot be read as HTTP/1.1", {}};
  }
}

std::string whole_answer(const Problem& problem) {
  const Reply said = reply(problem);
  std::string answer = "HTTP/1.1 " + std::to_string(said.status) + " ";
  answer.append(reason_phrase(said.status));
  answer += "\r\nDate: " + http_date();
  answer += "\r\nContent-Type: " + said.content_type;
  answer += "\r\nContent-Length: " + std::to_string(said.body.size());
  if (said.status == 503) answer += "\r\nRetry-After: 1";
  return answer + "\r\nConnection: close\r\n\r\n" + said.body;
}

}  // namespace server::problems
