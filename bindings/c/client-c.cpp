// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "client.hpp"
#include "gate.hpp"
#include "guard.hpp"
#include "options.hpp"
#include "retry.hpp"
#include "settings.hpp"
#include "start.hpp"

namespace tidegate::c {
namespace {

constexpr char kClientType[] = "tidegate_client";

Status set_times(const tidegate_request_options& given, Request& request) {
  const struct {
    const char* name;
    std::int64_t ms;
    Request& (Request::*set)(Duration);
  } times[] = {{"timeout_ms", given.timeout_ms, &Request::timeout},
               {"pool_timeout_ms", given.pool_timeout_ms, &Request::pool_timeout},
               {"connect_timeout_ms", given.connect_timeout_ms, &Request::connect_timeout},
               {"attempt_timeout_ms", given.attempt_timeout_ms, &Request::attempt_timeout},
               {"read_timeout_ms", given.read_timeout_ms, &Request::read_timeout}};
  for (const auto& time : times) {
    if (time.ms < 0 || time.ms > kMostTimeoutMs) {
      return Status(Cause::kBadArgument,
                    std::string(time.name) + " must be 0, or 1 to 86400000: a day");
    }
    if (time.ms) (request.*time.set)(std::chrono::milliseconds(time.ms));
  }
  return Status();
}

Status set_form(const tidegate_request_options& given, Request& request) {
  if (!given.parts) {
    return given.part_count ? bad_argument("the parts are NULL, and their count is not 0")
                            : Status();
  }
  if (given.body || given.content_type) return bad_argument("there are parts, and another body");
  Multipart form;
  for (const tidegate_part& part : std::span(given.parts, given.part_count)) {
    if (!part.name) return bad_argument("a part has a name that is NULL");
    if (!part.data && part.size) return bad_argument("a part is NULL, and its size is not 0");
    const std::string_view data(static_cast<const char*>(part.data), part.size);
    const char* const untyped = part.filename ? "application/octet-stream" : "";
    const char* const type = part.content_type ? part.content_type : untyped;
    form.part(part.name,
              part.filename ? std::optional<std::string_view>(part.filename) : std::nullopt, data,
              type);
  }
  request.body(form);
  return Status();
}

Status set_message(const tidegate_request_options& given, Request& request) {
  if (!given.headers && given.header_count) {
    return bad_argument("the headers are NULL, and their count is not 0");
  }
  for (const tidegate_header& header : std::span(given.headers, given.header_count)) {
    if (!header.name || !header.value) {
      return bad_argument("a header has a name or a value that is NULL");
    }
    request.header(header.name, header.value);
  }
  if (!given.body) {
    if (given.body_size) return bad_argument("the body is NULL, and its size is not 0");
    return given.content_type ? bad_argument("there is a content_type, and no body") : Status();
  }
  Bytes body = Bytes::copy_of({static_cast<const char*>(given.body), given.body_size});
  if (given.content_type) {
    request.body(std::move(body), given.content_type);
  } else {
    request.body(std::move(body));
  }
  return Status();
}

Status set_auth(const tidegate_request_options& given, Request& request) {
  if (given.basic_password && !given.basic_user)
    return bad_argument("there is a basic_password, and no basic_user");
  if (given.basic_user && given.bearer_token)
    return bad_argument("there is a basic_user, and a bearer_token");
  if (given.basic_user)
    request.basic_auth(given.basic_user, given.basic_password ? given.basic_password : "");
  if (given.bearer_token) request.bearer_token(given.bearer_token);
  return Status();
}

// All that the options say, but for the page.
Status set_up(const tidegate_request_options& given, Request& request) {
  Status status = set_times(given, request);
  if (status.ok()) status = set_message(given, request);
  if (status.ok()) status = set_form(given, request);
  if (status.ok()) status = set_auth(given, request);
  if (!status.ok()) return status;
  if (given.max_body) request.max_body(given.max_body);
  if (given.attempts < 0 || given.attempts > 100)
    return bad_argument("attempts must be 0, or 1 to 100");
  if (given.attempts) request.attempts(given.attempts);
  if (given.max_redirects < -1 || given.max_redirects > 100)
    return bad_argument("max_redirects must be -1, 0, or 1 to 100");
  if (given.max_redirects) request.max_redirects(given.max_redirects);
  if (given.hedge_ms < -1 || given.hedge_ms > kMostTimeoutMs)
    return bad_argument("hedge_ms must be -1, 0, or 1 to a day");
  if (given.hedge_ms > 0) request.hedge(std::chrono::milliseconds(given.hedge_ms));
  if (given.hedge_ms < 0) request.hedge(false);
  if (given.raw != 0 && given.raw != 1) return bad_argument("raw must be 0 or 1");
  if (given.raw) request.decode(false);
  if (given.proxy) request.proxy(given.proxy);
  if (given.idempotency_key) request.idempotency_key(given.idempotency_key);
  switch (given.idempotent) {
    case TIDEGATE_IDEMPOTENT_DEFAULT: return Status();
    case TIDEGATE_IDEMPOTENT_YES: request.idempotent(true); return Status();
    case TIDEGATE_IDEMPOTENT_NO: request.idempotent(false); return Status();
    default: return bad_argument("idempotent must be one of TIDEGATE_IDEMPOTENT_…");
  }
}

Status make_client(const tidegate_config* config_handle, const char* name,
                   const tidegate_client_options* given, tidegate_client** client) {
  Status ready = clear(client);
  if (!ready.ok()) return ready;
  tidegate_client_options wanted = TIDEGATE_CLIENT_OPTIONS_INIT;
  ready = read_options(given, wanted);
  if (!ready.ok()) return ready;
  const Pin budget(wanted.budget);
  if (wanted.budget && !budget) return no_handle(wanted.budget, "options.budget");
  const Pin gate(wanted.gate);
  if (wanted.gate && !gate) return no_handle(wanted.gate, "options.gate");
  const Pin config(config_handle);
  if (config_handle && !config) return no_handle(config_handle, "tidegate_config");
  if (!name || !*name) return bad_argument("the client has no name");
  auto options = setting(config ? config->config : Config(), name,
                         [](const auto& source) { return ClientOptions::from(source); });
  if (budget) options.retry(RetryPolicy(options.values().retry).budget(budget->budget));
  if (gate) options.gate(gate->gate);
  auto made = std::make_unique<ClientObject>(options.name(name));
  Status usable = made->client.status();
  if (!usable.ok()) return usable;
  return give(client, std::move(made));
}

}  // namespace

Status send(const tidegate_client* handle, const char* method, const char* url,
            const tidegate_request_options* given, OpState::Gives what, tidegate_op** op) {
  Status status = clear(op);
  if (!status.ok()) return status;
  const Pin client(handle);
  if (!client) return no_handle(handle, kClientType);
  if (!method) return bad_argument("the method is NULL");
  if (!url) return bad_argument("the URL is NULL");
  tidegate_request_options options = TIDEGATE_REQUEST_OPTIONS_INIT;
  status = read_options(given, options);
  if (!status.ok()) return status;
  Request request = client->client.request(method, url);
  status = set_up(options, request);
  if (!status.ok()) return status;
  const Pin page(options.page);
  if (options.page && !page) return no_handle(options.page, "options.page");
  if (page) request.deadline(page->deadline);
  const Pin upload(options.upload);
  if (options.upload && !upload) return no_handle(options.upload, "options.upload");
  if (upload) request.body(upload->upload);
  const Pin gate(options.gate);
  if (options.gate && !gate) return no_handle(options.gate, "options.gate");
  if (gate) request.gate(gate->gate);

  start_op(
      OpRef(internal::OperationRef::adopt(new OpState(what))), page ? &*page : nullptr,
      [&] {
        return what == OpState::Gives::kStream ? request.stream().state() : request.start().state();
      },
      op);
  return Status();
}

}  // namespace tidegate::c

using namespace tidegate;     // NOLINT(google-build-using-namespace)
using namespace tidegate::c;  // NOLINT(google-build-using-namespace)

tidegate_status tidegate_client_create(const tidegate_config* config, const char* name,
                                       tidegate_client** client, tidegate_error** err) {
  return guard(err, [&] { return make_client(config, name, nullptr, client); });
}

tidegate_status tidegate_client_create_with(const tidegate_config* config, const char* name,
                                            const tidegate_client_options* options,
                                            tidegate_client** client, tidegate_error** err) {
  return guard(err, [&] { return make_client(config, name, options, client); });
}

void tidegate_client_destroy(tidegate_client* client) { give_back(client); }

tidegate_status tidegate_client_get(tidegate_client* client, const char* url,
                                    const tidegate_request_options* options, tidegate_op** op,
                                    tidegate_error** err) {
  return guard(err,
               [&] { return send(client, "GET", url, options, OpState::Gives::kResponse, op); });
}

tidegate_status tidegate_client_request(tidegate_client* client, const char* method,
                                        const char* url, const tidegate_request_options* options,
                                        tidegate_op** op, tidegate_error** err) {
  return guard(err,
               [&] { return send(client, method, url, options, OpState::Gives::kResponse, op); });
}

std::int64_t tidegate_header_timeout_ms(const char* name, const char* value, std::int64_t most_ms) {
  std::int64_t ms = std::clamp<std::int64_t>(most_ms, 0, kMostTimeoutMs);
  (void)guard(nullptr, [&] {
    const Duration read =
        header_timeout(name ? name : "", value ? value : "", std::chrono::milliseconds(ms));
    ms = std::chrono::floor<std::chrono::milliseconds>(read).count();
    return Status();
  });
  return ms;
}

tidegate_status tidegate_client_stats(tidegate_client* handle, tidegate_client_counts* counts,
                                      tidegate_error** err) {
  return guard(err, [&] {
    if (!counts) return bad_argument("there is no place for the counts: it is NULL");
    const Pin client(handle);
    if (!client) return no_handle(handle, kClientType);
    const ClientStats stats = client->client.stats();
    tidegate_client_counts values = TIDEGATE_CLIENT_COUNTS_INIT;
    values.requests = stats.requests;
    values.responses = stats.responses;
    values.failures = stats.failures;
    values.opened = stats.opened;
    values.reused = stats.reused;
    values.resent = stats.resent;
    values.in_flight = stats.in_flight;
    values.waiting = stats.waiting;
    values.retries = stats.retries;
    values.out_of_budget = stats.out_of_budget;
    values.hedges = stats.hedges;
    values.hedge_wins = stats.hedge_wins;
    return write_struct(values, counts);
  });
}

tidegate_status tidegate_client_proxies(tidegate_client* handle, tidegate_proxy_counts* counts,
                                        tidegate_error** err) {
  return guard(err, [&] {
    if (!counts) return bad_argument("there is no place for the counts: it is NULL");
    const Pin client(handle);
    if (!client) return no_handle(handle, kClientType);
    const ProxyStats stats = client->client.stats().proxies;
    tidegate_proxy_counts values = TIDEGATE_PROXY_COUNTS_INIT;
    values.request_count = stats.request_count;
    values.session_rotations = stats.session_rotations;
    values.available_proxies = stats.available_proxies;
    stats.current_proxy.copy(values.current_proxy, sizeof values.current_proxy - 1);
    return write_struct(values, counts);
  });
}

tidegate_status tidegate_client_cookies(tidegate_client* handle, const char* url,
                                        tidegate_bytes** bytes, tidegate_error** err) {
  return guard(err, [&] {
    Status status = clear(bytes);
    if (!status.ok()) return status;
    const Pin client(handle);
    if (!client) return no_handle(handle, kClientType);
    if (!url) return bad_argument("the URL is NULL");
    return give(bytes, std::make_unique<BytesObject>(client->client.cookies_for(url)));
  });
}

tidegate_status tidegate_client_clear_cookies(tidegate_client* handle, tidegate_error** err) {
  return guard(err, [&] {
    const Pin client(handle);
    if (!client) return no_handle(handle, kClientType);
    client->client.clear_cookies();
    return Status();
  });
}

tidegate_status tidegate_client_close(tidegate_client* handle, tidegate_error** err) {
  return guard(err, [&] {
    const Pin client(handle);
    if (!client) return no_handle(handle, kClientType);
    client->client.close();
    return Status();
  });
}
