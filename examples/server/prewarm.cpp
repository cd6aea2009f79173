// SPDX-License-Identifier: Apache-2.0
#include "prewarm.hpp"

#include <algorithm>
#include <chrono>
#include <deque>
#include <iostream>
#include <string>
#include <utility>

#include "makes.hpp"
#include "tidegate/log.hpp"

namespace server {

using tidegate::Deadline;
using tidegate::Duration;
using tidegate::LogLevel;
using tidegate::Status;

namespace {

constexpr Duration kLongestPause = std::chrono::hours(1);
constexpr std::size_t kAtOnce = 2;  // of the database's permits, most are for clients

void say(LogLevel level, const std::string& what) {
  if (level >= tidegate::log_level()) std::cerr << "tidegate-server: " + what + "\n";
}

Duration share_of(Duration whole, double share) {
  return std::chrono::duration_cast<Duration>(whole * share);
}

}  // namespace

Prewarm::Prewarm(const tidegate::Config& config, const Recommendations& recommendations,
                 const PriceAlerts& alerts)
    : wanted_(config.boolean("server.prewarm")),
      patient_until_(Deadline::after(config.duration("server.prewarm_timeout"))),
      page_timeout_(config.duration("executor.page_timeout")) {
  const auto home_page = [&](std::string_view make) {
    common_.push_back({recommendations.cache(), [&recommendations, make](Deadline deadline) {
                         return recommendations.ask({.make = make}, deadline);
                       }});
  };
  home_page({});
  std::ranges::for_each(makes(), home_page);
  common_.push_back({alerts.cache(), [&alerts](Deadline deadline) {
                       return alerts.ask(AlertsWanted(), deadline);
                     }});
}

Prewarm::~Prewarm() {
  stop();
  if (thread_.joinable()) thread_.join();
}

void Prewarm::start() {
  if (!wanted_) return;
  thread_ = std::thread([this] { run(); });
}

bool Prewarm::ready() const noexcept { return !wanted_ || tried_ || patient_until_.passed(); }

Json Prewarm::progress() const {
  return {{"loaded", loaded_.load()}, {"failed", failed_.load()}, {"pages", common_.size()}};
}

void Prewarm::stop() noexcept {
  {
    std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  stopping_.notify_all();
}

// Just before the earliest end that jitter may have drawn, and not at once where that is over.
Duration Prewarm::pause_after(const Common& common, Duration age) {
  const auto& options = common.cache.options();
  if (options.ttl <= Duration::zero()) return kLongestPause;
  const Duration rest = share_of(options.ttl, 0.95 * (1 - options.jitter)) - age;
  return std::min(std::max(rest, options.ttl / 8), kLongestPause);
}

bool Prewarm::stopped_within(Duration pause) {
  std::unique_lock lock(mutex_);
  return stopping_.wait_for(lock, pause, [this] { return stopped_; });
}

void Prewarm::run() {
  const std::string all = std::to_string(common_.size()) + " common pages";
  say(LogLevel::kInfo, "loading " + all);
  std::size_t failed_before = 0;
  while (!stopped_within({})) {
    const auto begun = Deadline::now();
    const Round round = ask_all();
    if (stopped_within({})) return;
    if (!tried_.exchange(true) || round.failed != failed_before) {
      say(LogLevel::kInfo, std::to_string(common_.size() - round.failed) + " of " + all +
                               " are loaded after " +
                               tidegate::format_duration(Deadline::now() - begun));
    }
    if (round.failed > 0 && failed_before == 0) {
      say(LogLevel::kWarning, std::to_string(round.failed) + " of " + all +
                                  " could not be loaded: " + std::string(round.why.message()));
    }
    failed_before = round.failed;
    if (stopped_within(round.pause)) return;
  }
}

Prewarm::Round Prewarm::ask_all() {
  Round round{.failed = 0, .why = {}, .pause = kLongestPause};
  loaded_ = failed_ = 0;
  std::deque<std::pair<const Common*, PageCache::Asked>> asked;
  const auto take_first = [&] {
    const auto& [common, page] = asked.front();
    const auto& kept = page.wait();
    const Status why = kept.ok() ? kept->reason : kept.status();
    ++(why.ok() ? loaded_ : failed_);
    if (!why.ok()) round.why = why;
    const Duration age = kept.ok() ? kept->age : common->cache.options().ttl;
    round.pause = std::min(round.pause, pause_after(*common, age));
    asked.pop_front();
  };
  for (const Common& common : common_) {
    if (stopped_within({})) break;
    if (asked.size() == kAtOnce) take_first();
    asked.emplace_back(&common, common.ask(Deadline::after(page_timeout_)));
  }
  while (!asked.empty()) take_first();
  round.failed = failed_;
  return round;
}

}  // namespace server
