// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <string>

#include "client.hpp"
#include "guard.hpp"
#include "options.hpp"

namespace tidegate::c {
namespace {

constexpr char kResponseType[] = "tidegate_response";

const Response* response_of(const tidegate_response* handle) noexcept {
  const ResponseObject* object = peek(handle);
  return object ? &object->response : nullptr;
}

// Null where there is none of that number.
const Headers::Field* field_of(const tidegate_response* handle, std::size_t index) noexcept {
  const Response* response = response_of(handle);
  if (!response || index >= response->headers.size()) return nullptr;
  return &*std::next(response->headers.begin(), static_cast<std::ptrdiff_t>(index));
}

}  // namespace
}  // namespace tidegate::c

using namespace tidegate;     // NOLINT(google-build-using-namespace)
using namespace tidegate::c;  // NOLINT(google-build-using-namespace)

tidegate_status tidegate_op_response(const tidegate_op* handle, tidegate_response** response,
                                     tidegate_error** err) {
  return guard(err, [&] {
    return give_result<Response>(handle, response,
                                 "the answer of a query, a call or a cache is no response",
                                 [](const OpRef& op, const Response& of_op) {
                                   return std::make_unique<ResponseObject>(op, of_op);
                                 });
  });
}

int32_t tidegate_response_status(const tidegate_response* handle) {
  const Response* response = response_of(handle);
  return response ? response->status : 0;
}

const char* tidegate_response_url(const tidegate_response* handle) {
  const Response* response = response_of(handle);
  return response ? response->url.c_str() : "";
}

int32_t tidegate_response_redirects(const tidegate_response* handle) {
  const Response* response = response_of(handle);
  return response ? response->redirects : 0;
}

size_t tidegate_response_headers(const tidegate_response* handle) {
  const Response* response = response_of(handle);
  return response ? response->headers.size() : 0;
}

const char* tidegate_response_header_name(const tidegate_response* handle, size_t index) {
  const Headers::Field* field = field_of(handle, index);
  return field ? field->name.c_str() : "";
}

const char* tidegate_response_header_value(const tidegate_response* handle, size_t index) {
  const Headers::Field* field = field_of(handle, index);
  return field ? field->value.c_str() : "";
}

const char* tidegate_response_header(const tidegate_response* handle, const char* name) {
  const Response* response = response_of(handle);
  if (!response || !name) return nullptr;
  const auto value = response->headers.find(name);
  return value ? value->data() : nullptr;  // of a std::string: a NUL is behind it
}

const char* tidegate_response_body(const tidegate_response* handle, size_t* size) {
  const Response* response = response_of(handle);
  if (size) *size = response ? response->body.size() : 0;
  return response ? response->body.data() : "";
}

tidegate_status tidegate_response_bytes(const tidegate_response* handle, tidegate_bytes** bytes,
                                        tidegate_error** err) {
  return guard(err, [&] {
    Status status = clear(bytes);
    if (!status.ok()) return status;
    const Pin object(handle);
    if (!object) return no_handle(handle, kResponseType);
    auto blob = std::make_shared<const Blob>(object->response.body);
    return give(bytes, std::make_unique<BytesObject>(std::move(blob)));
  });
}

tidegate_status tidegate_response_timings(const tidegate_response* handle,
                                          tidegate_http_timings* timings, tidegate_error** err) {
  return guard(err, [&] {
    if (!timings) return bad_argument("there is no place for the timings: it is NULL");
    const Pin object(handle);
    if (!object) return no_handle(handle, kResponseType);
    const HttpTimings& from = object->response.timings;
    tidegate_http_timings values = TIDEGATE_HTTP_TIMINGS_INIT;
    values.queue_ns = from.queue.count();
    values.dns_ns = from.dns.count();
    values.connect_ns = from.connect.count();
    values.tls_ns = from.tls.count();
    values.first_byte_ns = from.first_byte.count();
    values.total_ns = from.total.count();
    return write_struct(values, timings);
  });
}

int tidegate_response_reused(const tidegate_response* handle) {
  const Response* response = response_of(handle);
  return response && response->reused ? 1 : 0;
}

int32_t tidegate_response_attempts(const tidegate_response* handle) {
  const Response* response = response_of(handle);
  return response ? response->attempts : 0;
}

int tidegate_response_hedged(const tidegate_response* handle) {
  const Response* response = response_of(handle);
  return response && response->hedged ? 1 : 0;
}

size_t tidegate_response_history(const tidegate_response* handle) {
  const Response* response = response_of(handle);
  return response ? response->history.size() : 0;
}

const char* tidegate_response_history_line(const tidegate_response* handle, size_t index) {
  const Response* response = response_of(handle);
  return response && index < response->history.size() ? response->history[index].c_str() : "";
}

tidegate_status tidegate_response_retain(tidegate_response* response) {
  return guard(nullptr,
               [&] { return retain(response) ? Status() : no_handle(response, kResponseType); });
}

void tidegate_response_release(tidegate_response* response) { give_back(response); }
