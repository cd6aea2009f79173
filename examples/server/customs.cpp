// SPDX-License-Identifier: Apache-2.0
#include "customs.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "page_cache.hpp"
#include "problems.hpp"

namespace server {

using tidegate::Bytes;
using tidegate::CacheOptions;
using tidegate::Cause;
using tidegate::Client;
using tidegate::ClientOptions;
using tidegate::ClientStats;
using tidegate::Config;
using tidegate::Deadline;
using tidegate::Duration;
using tidegate::Gate;
using tidegate::GateOptions;
using tidegate::LoadContext;
using tidegate::LoadOptions;
using tidegate::Operation;
using tidegate::Response;
using tidegate::Result;
using tidegate::Service;
using tidegate::Share;
using tidegate::Status;
using tidegate::TimePoint;

using namespace std::chrono_literals;

namespace {

constexpr const char* kTokenPath = "/api/token";
constexpr const char* kDutyPath = "/api/duty";
constexpr double kKeptShare = 0.8;
constexpr double kLongestLife = 86'400;  // seconds

// A token is a secret: it stays in the process, whatever the pages do.
CacheOptions token_options(const Config& config) {
  return CacheOptions::from(Service::from(config, "customs")).redis("");
}

// All workers leave the calculator alone together. They share a directory; one alone needs none.
GateOptions gate_options(const Config& config) {
  GateOptions options = GateOptions::from(Service::from(config, "customs"));
  if (config.integer("server.workers") > 1) {
    options.share(Share::kHost).state_dir(config.text("runtime.state_dir"));
  }
  return options;
}

std::string without_last_slash(std::string url) {
  if (url.ends_with('/')) url.pop_back();
  return url;
}

Status answered(int status, const char* path) {
  return Status(Cause::kHttpStatus,
                "the customs calculator answered " + std::to_string(status) + " at " + path);
}

Status misunderstood(const char* path) {
  return Status(Cause::kDecode,
                "the customs calculator answered what cannot be read at " + std::string(path));
}

Json object_of(const Response& response) {
  Json parsed = Json::parse(response.text(), nullptr, false);
  return parsed.is_object() ? parsed : Json::object();
}

Result<Bytes> load_token(const Client& http, const std::string& url, LoadContext& load) {
  const auto asked = http.post(url + kTokenPath).idempotent(true).deadline(load.deadline()).start();
  const auto& response = asked.wait();
  if (!response.ok()) return response.status();
  if (!response->ok()) return answered(response->status, kTokenPath);
  const Json issued = object_of(*response);
  const Json token = issued.value("token", Json()), life = issued.value("expires_in", Json());
  if (!token.is_string() || !life.is_number()) return misunderstood(kTokenPath);
  const double kept = kKeptShare * std::clamp(life.get<double>(), 0.0, kLongestLife);
  load.ttl(std::chrono::duration_cast<Duration>(std::chrono::duration<double>(kept)));
  return Bytes(token.get<std::string>());
}

Result<Json> duty_of(const Response& response) {
  if (!response.ok()) return answered(response.status, kDutyPath);
  const Json told = object_of(response);
  Json duty = Json::object();
  for (const char* name : {"duty_eur", "fee_eur", "total_eur"}) {
    if (!told.contains(name) || !told[name].is_number()) return misunderstood(kDutyPath);
    duty[name] = told[name];
  }
  return duty;
}

Reply unavailable(const Status& why) {
  Reply said = reply(problems::unavailable(why, "customs", "the customs calculator"));
  const auto later = why.retry_after().value_or(0s);
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(later);
  said.headers = {{"Retry-After", std::to_string(std::max(seconds, 1s).count())}};
  return said;
}

}  // namespace

Customs::Customs(const Config& config)
    : url_(without_last_slash(config.text("server.customs_url"))),
      gate_(gate_options(config)),
      http_(ClientOptions::from(Service::from(config, "customs")).gate(gate_)),
      tokens_{token_options(config).values(), tidegate::Cache(token_options(config))},
      page_timeout_(config.duration("executor.page_timeout")),
      probe_timeout_(config.duration("server.probe_timeout")),
      most_(std::max<std::size_t>(
          1, static_cast<std::size_t>(config.integer("server.threads")) / 2)) {}

Reply Customs::answer(const ImportedCar& car, TimePoint arrived) {
  // However long the calculator takes, half of the workers are left for pages.
  const Tally::Mark turn = asking_.mark_below(most_);
  if (!turn) return unavailable(Status(Cause::kQueueFull, "enough requests wait for it"));
  const auto asked = ask(car, Deadline::after(page_timeout_, arrived));
  if (!asked.ok()) return unavailable(asked.status());
  const auto duty = duty_of(asked->response);
  if (!duty.ok()) return unavailable(duty.status());
  return reply(Json{{"duty", *duty},
                    {"meta",
                     {{"elapsed_ms", milliseconds(Deadline::now() - arrived)},
                      {"attempts", asked->response.attempts},
                      {"token", tidegate::source_name(asked->token)}}}});
}

Result<Customs::Asked> Customs::ask(const ImportedCar& car, Deadline deadline) const {
  for (bool first = true;; first = false) {
    const auto load = [http = http_, url = url_](LoadContext& context) {
      return load_token(http, url, context);
    };
    const auto getting = tokens_.cache.get_or_load("token", load, LoadOptions().deadline(deadline));
    const auto& token = getting.wait();
    if (!token.ok()) return token.status();
    const auto asking = http_.get(url_ + kDutyPath + "?" + car.query())
                            .bearer_token(std::string(token->value.view()))
                            .deadline(deadline)
                            .start();
    const auto& response = asking.wait();
    if (!response.ok()) return response.status();
    if (response->status != 401 || !first) return Asked{*response, token->source};
    tokens_.cache.invalidate("token", token->version);
  }
}

Json Customs::health() {
  const auto probe = probe_anew();
  const auto& response = probe.wait();
  Status why = response.status();
  if (response.ok() && response->status >= 500) why = answered(response->status, "/");
  const ClientStats asked = http_.stats();
  Json health = {{"status", why.ok() ? "ok" : "failing"}, {"url", url_}};
  if (!why.ok()) {
    health["reason"] = tidegate::cause_info(why.cause()).name;
    health["message"] = why.message();
  }
  if (const auto breaker = gate_.stats().breaker) {
    health["breaker"] = tidegate::breaker_state_name(breaker->state);
  }
  health["requests"] = {{"started", asked.requests}, {"failed", asked.failures},
                        {"retries", asked.retries},  {"in_flight", asked.in_flight},
                        {"opened", asked.opened},    {"reused", asked.reused}};
  return health;
}

Operation<Response> Customs::probe_anew() {
  std::lock_guard lock(mutex_);
  if (!probe_.state() || probe_.done()) {
    probe_ = http_.head(url_ + "/").attempts(1).timeout(probe_timeout_).start();
  }
  return probe_;
}

Status check_customs_url(std::string_view url) {
  if (url.empty()) return Status();
  std::string_view rest = url;
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (url.starts_with(scheme)) rest.remove_prefix(scheme.size());
  }
  const bool plain = rest.find_first_of("@?# \t\r\n") == std::string_view::npos;
  if (rest.size() < url.size() && !rest.empty() && !rest.starts_with('/') && plain) return Status();
  return Status(Cause::kConfig,
                "server.customs_url must be like \"http://host:port\", without user and query");
}

}  // namespace server
