// SPDX-License-Identifier: Apache-2.0
#include "policy/lint.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace tidegate {

namespace {

constexpr LintRule kRules[] = {
    {"attempt_timeout", "refused, warning", "http.attempt_timeout, http.timeout",
     "An attempt may not take longer than the request that it is part of."},
    {"unreachable_timeout", "warning",
     "http.connect_timeout, http.pool_timeout, http.read_timeout, http.attempt_timeout, "
     "http.timeout",
     "A part of a request should not be given more time than what ends it."},
    {"hedge_delay", "refused, warning", "http.hedge_delay, http.timeout",
     "A second request has to go out before the first has no time left."},
    {"slow_after", "refused, warning", "breaker.slow_after, http.timeout, http.attempt_timeout",
     "A call has to be slow before it is ended, or none ever is."},
    {"breaker_window", "warning", "breaker.window, http.attempt_timeout",
     "A breaker should see two attempts that hang, one after the other."},
    {"breaker_calls", "warning",
     "breaker.min_calls, breaker.window, breaker.consecutive, gate.rate, gate.pace",
     "A gate has to let in as many calls as its breaker wants to see before a share counts."},
    {"workers", "warning", "gate.share, breaker.share, gate.rate, gate.pace, gate.breaker",
     "What is meant for a service should be counted by all workers together."},
};

}  // namespace

std::span<const LintRule> lint_rules() noexcept { return kRules; }

std::string Finding::to_string() const {
  return service.empty() ? text : "service '" + service + "': " + text;
}

}  // namespace tidegate

namespace tidegate::policy {

namespace {

enum class Clash { kNone, kWarns, kRefuses };

// Of a time that says nothing because of another one.
Clash clash(const SetTime& silent, const SetTime& other) noexcept {
  if (silent.nearness == 0 || silent.nearness < other.nearness) return Clash::kNone;
  return silent.nearness == other.nearness ? Clash::kRefuses : Clash::kWarns;
}

std::string shown(const SetTime& time, std::string_view key) {
  std::string text = format_duration(time.time);
  text.append(" (").append(key);
  if (time.nearness == 0) text.append(", its default");
  return text.append(")");
}

void look_at_part(const SetTime& part, std::string_view key, const SetTime& whole,
                  std::string_view whole_key, std::vector<Finding>& findings) {
  if (part.time <= whole.time || clash(part, whole) == Clash::kNone) return;
  findings.push_back({.rule = "unreachable_timeout",
                      .refuses = false,
                      .service = {},
                      .text = shown(part, key) + " is never over before " +
                              shown(whole, whole_key) + " ends what it is part of"});
}

void look_at_attempt(const LintClient& client, std::vector<Finding>& findings) {
  if (client.attempt_timeout.time <= client.timeout.time) return;
  const Clash found = clash(client.attempt_timeout, client.timeout);
  if (found == Clash::kNone) return;
  findings.push_back(
      {.rule = "attempt_timeout",
       .refuses = found == Clash::kRefuses,
       .service = {},
       .text = "an attempt may take " + shown(client.attempt_timeout, "http.attempt_timeout") +
               ", but its whole request only " + shown(client.timeout, "http.timeout")});
}

void look_at_hedge(const LintClient& client, std::vector<Finding>& findings) {
  if (!client.hedges || client.hedge_delay.time < client.timeout.time) return;
  const Clash found = clash(client.hedge_delay, client.timeout);
  if (found == Clash::kNone) return;
  findings.push_back({.rule = "hedge_delay",
                      .refuses = found == Clash::kRefuses,
                      .service = {},
                      .text = "a second request would go out after " +
                              shown(client.hedge_delay, "http.hedge_delay") +
                              ", but the first has only " + shown(client.timeout, "http.timeout")});
}

// Time that passes in a body makes a call slow as well, so that it is the whole time that rules it out.
void look_at_slow(const LintClient& client, const LintBreaker& breaker,
                  std::vector<Finding>& findings) {
  const SetTime& slow = breaker.slow_after;
  if (slow.time == Duration::zero() || slow.nearness == 0) return;
  const std::string begin = "a call is slow after " + shown(slow, "breaker.slow_after");
  if (slow.time >= client.timeout.time) {
    findings.push_back(
        {.rule = "slow_after",
         .refuses = breaker.is_of_client && clash(slow, client.timeout) == Clash::kRefuses,
         .service = {},
         .text = begin + ", but has ended after " + shown(client.timeout, "http.timeout") +
                 ": none is ever slow"});
  } else if (slow.time >= client.attempt_timeout.time) {
    findings.push_back({.rule = "slow_after",
                        .refuses = false,
                        .service = {},
                        .text = begin + ", but its head has to be there after " +
                                shown(client.attempt_timeout, "http.attempt_timeout") +
                                ": only a body can make it slow"});
  }
}

void look_at_window(const LintClient& client, const LintBreaker& breaker,
                    std::vector<Finding>& findings) {
  const SetTime& attempt = client.attempt_timeout;
  const Duration takes = std::min(attempt.time, client.timeout.time);
  if (breaker.window.time >= 2 * takes) return;
  if (breaker.window.nearness == 0 && attempt.nearness == 0) return;
  findings.push_back(
      {.rule = "breaker_window",
       .refuses = false,
       .service = {},
       .text = "a breaker forgets a call after " + shown(breaker.window, "breaker.window") +
               ", less than two attempts of " + shown(attempt, "http.attempt_timeout") + " take"});
}

// The most that may start in a time.
std::uint64_t starts_in(Duration time, const LintLimit& limit) noexcept {
  const double share = static_cast<double>(time.count()) / static_cast<double>(limit.per.count());
  const double starts =
      static_cast<double>(limit.burst) + share * static_cast<double>(limit.permits);
  return static_cast<std::uint64_t>(std::min(starts, 1e18));
}

std::string rate_of(std::uint64_t permits, Duration per) {
  return std::to_string(permits) + " in " + format_duration(per);
}

}  // namespace

std::vector<Finding> lint_client(const LintClient& client, const LintBreaker* breaker) {
  std::vector<Finding> findings;
  look_at_attempt(client, findings);
  look_at_part(client.connect_timeout, "http.connect_timeout", client.attempt_timeout,
               "http.attempt_timeout", findings);
  look_at_part(client.pool_timeout, "http.pool_timeout", client.timeout, "http.timeout", findings);
  look_at_part(client.read_timeout, "http.read_timeout", client.timeout, "http.timeout", findings);
  look_at_hedge(client, findings);
  if (!breaker) return findings;
  look_at_slow(client, *breaker, findings);
  look_at_window(client, *breaker, findings);
  return findings;
}

std::optional<Finding> lint_gate(std::span<const LintLimit> limits, const LintBreaker* breaker) {
  if (!breaker || !breaker->knows_shares || limits.empty()) return std::nullopt;
  std::uint64_t most = UINT64_MAX;
  for (const LintLimit& limit : limits) {
    most = std::min(most, starts_in(breaker->window.time, limit));
  }
  if (most >= breaker->min_calls) return std::nullopt;
  return Finding{.rule = "breaker_calls",
                 .refuses = false,
                 .service = {},
                 .text = "at most " + std::to_string(most) + " calls start in " +
                         shown(breaker->window, "breaker.window") + ", and breaker.min_calls is " +
                         std::to_string(breaker->min_calls) +
                         ": no share of failures opens the breaker"};
}

std::optional<Finding> lint_workers(const LintWorkers& workers, std::span<const LintLimit> limits,
                                    std::uint64_t opens_after) {
  if (workers.count <= 1 || (limits.empty() && opens_after == 0)) return std::nullopt;
  const std::string count = std::to_string(workers.count);
  std::string text = count + " workers (";
  text.append(workers.said_by).append(") count each for themselves: ");
  std::string joint;
  for (const LintLimit& limit : limits) {
    joint.append(joint.empty() ? "together " : " and ")
        .append(rate_of(workers.count * limit.permits, limit.per))
        .append(" start instead of ")
        .append(rate_of(limit.permits, limit.per));
  }
  if (opens_after > 0) {
    joint.append(joint.empty() ? "" : ", and ")
        .append("their breakers open after " + count + " x " + std::to_string(opens_after) +
                " calls instead of " + std::to_string(opens_after));
  }
  const bool is_of_breaker = limits.empty();
  const std::string key = is_of_breaker ? "breaker.share" : "gate.share";
  return Finding{.rule = "workers",
                 .refuses = false,
                 .service = {},
                 .text = text + joint + "; with " + key + " = host they count together" +
                         (is_of_breaker ? ", with redis they open together" : "")};
}

}  // namespace tidegate::policy
