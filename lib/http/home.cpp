// SPDX-License-Identifier: Apache-2.0
#include "http/home.hpp"

#include <limits>
#include <utility>

#include "base/seed.hpp"
#include "http/auth.hpp"
#include "http/body_feed.hpp"
#include "http/client_lint.hpp"
#include "http/deadline_field.hpp"
#include "http/fetch_stream.hpp"
#include "http/rules.hpp"
#include "net/curl_transport.hpp"
#include "net/runtime.hpp"

namespace tidegate::internal {

namespace {

Status check(const HttpDefaults& defaults) {
  const ClientOptions::Values& options = defaults.options;
  const Status agent = check_value("User-Agent", options.user_agent);
  if (!agent.ok()) return Status(Cause::kConfig, agent.message());
  const Status header = check_deadline_header(options.deadline_header);
  if (!header.ok()) return Status(Cause::kConfig, header.message());
  if (!defaults.routes.ok()) return Status(Cause::kConfig, defaults.routes.status().message());
  if (options.gate && !options.gate->status().ok()) return options.gate->status();
  if (Status times = contradiction_in(options); !times.ok()) return times;
  if (!defaults.environment.ok()) return defaults.environment.status();
  if (!defaults.socket.ok()) return Status(Cause::kConfig, defaults.socket.status().message());
  if (!options.unix_socket.empty() && !options.proxies.empty()) {
    return Status(Cause::kConfig, "there is a Unix socket, and a proxy");
  }
  if (options.cert_file.empty() && !(options.key_file.empty() && options.key_password.empty())) {
    return Status(Cause::kConfig,
                  "there is a key of the client's, and no certificate: set cert_file");
  }
  if (options.auth.kind == HttpAuth::Kind::kNone) return {};
  const auto auth = authorization(options.auth);
  return auth.ok() ? Status() : Status(Cause::kConfig, auth.status().message());
}

}  // namespace

ClientHome::ClientHome(const ClientOptions& options)
    : defaults_(options.values()), status_(check(defaults_)) {
  if (status_.ok()) tell_of(defaults_.options);
}

const std::shared_ptr<HttpCore>& ClientHome::here() {
  return cores_.get([this] {
    return std::make_shared<HttpCore>(
        Runtime::current().shard(), curl_transport(), defaults_.options, fresh_seed(),
        defaults_.routes.ok() ? *defaults_.routes : std::vector<HttpRoute>());
  });
}

Result<HttpPlan> ClientHome::plan(const Request::Values& request) {
  if (!request.upload) return checked(request);
  BodyFeed& feed = *request.upload->feed();
  if (feed.is_of_another_process()) {
    return Status(Cause::kClosed, "the body belongs to the process before the fork");
  }
  if (!feed.claim()) return Status(Cause::kBadArgument, "a body that is streamed is sent once");
  auto plan = checked(request);
  if (!plan.ok()) feed.over();  // or who writes would wait for ever
  return plan;
}

Result<HttpPlan> ClientHome::checked(const Request::Values& request) {
  if (!status_.ok()) return status_;
  if (closed_.load()) return Status(Cause::kClosed, "the client was closed");
  auto plan = make_plan(request, defaults_);
  if (!plan.ok()) return plan;
  // Why there is no thread, if there is none, is said here alone.
  Status started = Runtime::current().shard().start();
  if (!started.ok()) return started;
  return plan;
}

Operation<Response> ClientHome::start(const Request::Values& request) {
  const std::shared_ptr<HttpCore>& core = here();
  auto planned = plan(request);
  if (!planned.ok()) return Fetch::refused(core, planned.status());
  return Fetch::start(core, std::move(planned).value(), Deadline::now());
}

Operation<ResponseStream> ClientHome::stream(const Request::Values& request) {
  const std::shared_ptr<HttpCore>& core = here();
  auto planned = plan(request);
  if (!planned.ok()) return FetchStream::refused(core, planned.status());
  const std::size_t most = request.max_body.value_or(std::numeric_limits<std::size_t>::max());
  return FetchStream::start(core, std::move(planned).value(), most, Deadline::now());
}

void ClientHome::close() {
  closed_.store(true);
  if (const auto core = cores_.peek()) core->close();
}

}  // namespace tidegate::internal
