// SPDX-License-Identifier: Apache-2.0
#include "http/home.hpp"

#include <utility>

#include "base/seed.hpp"
#include "http/auth.hpp"
#include "http/deadline_field.hpp"
#include "http/fetch.hpp"
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
  if (!defaults.route.ok()) return Status(Cause::kConfig, defaults.route.status().message());
  if (options.auth.kind == HttpAuth::Kind::kNone) return {};
  const auto auth = authorization(options.auth);
  return auth.ok() ? Status() : Status(Cause::kConfig, auth.status().message());
}

}  // namespace

ClientHome::ClientHome(const ClientOptions& options)
    : defaults_(options.values()), status_(check(defaults_)) {}

const std::shared_ptr<HttpCore>& ClientHome::here() {
  return cores_.get([this] {
    return std::make_shared<HttpCore>(Runtime::current().shard(), curl_transport(),
                                      defaults_.options, fresh_seed());
  });
}

Operation<Response> ClientHome::start(const Request::Values& request) {
  const std::shared_ptr<HttpCore>& core = here();
  if (!status_.ok()) return Fetch::refused(core, status_);
  if (closed_.load()) {
    return Fetch::refused(core, Status(Cause::kClosed, "the client was closed"));
  }
  auto plan = make_plan(request, defaults_);
  if (!plan.ok()) return Fetch::refused(core, plan.status());
  // Why there is no thread, if there is none, is said here alone.
  Status started = Runtime::current().shard().start();
  if (!started.ok()) return Fetch::refused(core, started);
  return Fetch::start(core, std::move(plan).value(), Deadline::now());
}

void ClientHome::close() {
  closed_.store(true);
  if (const auto core = cores_.peek()) core->close();
}

}  // namespace tidegate::internal
