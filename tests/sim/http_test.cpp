// SPDX-License-Identifier: Apache-2.0
// A client under random callers, failures, deadlines and cancels in virtual time: its bounds hold,
// every request ends once and in time, and nothing is left behind.
#include <doctest/doctest.h>

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/sleep.hpp"
#include "http/fetch.hpp"
#include "support/flow.hpp"
#include "support/seeds.hpp"
#include "support/sim_loop.hpp"
#include "support/sim_transport.hpp"
#include "support/timed_transport.hpp"

namespace tidegate::internal {
namespace {

using test::Flow;
using test::SimLoop;
using test::SimTransport;
using test::TimedTransport;
using namespace std::chrono_literals;

constexpr std::array<const char*, 4> kUrls = {"http://a.test/", "http://b.test/", "http://c.test/",
                                              "http://d.test/"};

struct Asked {
  std::string url;
  bool may_be_repeated;
  Operation<Response> operation;
};

constexpr double kSavedUp = 10;

struct Run {
  explicit Run(std::uint64_t seed)
      : loop(seed), transport(std::make_shared<SimTransport>(loop, seed)) {
    options.name = "sim";
    options.max_connections = 1 + loop.rng().below(8);
    options.max_connections_per_origin = 1 + loop.rng().below(4);
    options.queue = loop.rng().below(20);
    options.pool_timeout = loop.rng().between(0ms, 500ms);
    options.timeout = 1s;
    options.retry.attempts(1 + static_cast<int>(loop.rng().below(5)))
        .backoff(loop.rng().between(0ms, 50ms), 200ms)
        .budget(0.2, 0, kSavedUp);
    options.hedge = loop.rng().chance(50);
    if (loop.rng().chance(70)) options.hedge_delay = loop.rng().between(1ms, 100ms);
    defaults = std::make_unique<HttpDefaults>(options);
    core = std::make_shared<HttpCore>(loop, transport, options, seed);
  }

  SimLoop loop;
  std::shared_ptr<SimTransport> transport;
  ClientOptions::Values options;
  std::unique_ptr<HttpDefaults> defaults;
  std::shared_ptr<HttpCore> core;
  std::vector<Asked> asked;
};

Task<void> ask_again_and_again(Run* run) {
  Rng& rng = run->loop.rng();
  for (int i = 0; i < 30; ++i) {
    Request::Values request;
    const bool is_get = rng.chance(70);
    request.method = is_get ? "GET" : "POST";
    request.url = kUrls[rng.below(kUrls.size())] + std::to_string(run->asked.size());
    if (rng.chance(20)) request.decode = false;
    if (rng.chance(30)) request.timeout = rng.between(0ms, 300ms);
    auto plan = make_plan(request, *run->defaults);
    REQUIRE(plan.ok());
    const TimePoint now = run->loop.now();
    auto operation = Fetch::start(run->core, std::move(plan).value(), now);
    run->asked.push_back({request.url, is_get, operation});
    if (rng.chance(20)) run->asked[rng.below(run->asked.size())].operation.cancel();
    if (rng.chance(1)) run->core->close();
    const TimePoint next = now + rng.between(0ms, 50ms);
    co_await sleep_until(next);
  }
}

bool is_made_of(std::string_view text, std::string_view url) {
  if (text.empty() || text.size() % url.size() != 0) return false;
  for (; !text.empty(); text.remove_prefix(url.size())) {
    if (!text.starts_with(url)) return false;
  }
  return true;
}

void check(const Run& run) {
  for (const Asked& each : run.asked) {
    REQUIRE(each.operation.done());
    const auto result = each.operation.wait();
    const int most = each.may_be_repeated ? run.options.retry.values().attempts : 1;
    const int hedges = each.may_be_repeated && run.options.hedge ? 1 : 0;
    CHECK(run.transport->delivered(each.url) <= most + hedges);
    if (result.ok()) {
      CHECK(result->status != 302);
      CHECK((!result->hedged || hedges == 1));
      CHECK(result->redirects <= 1);
      CHECK(is_made_of(result->text(), each.url + (result->redirects == 1 ? "?on" : "")));
      CHECK_FALSE(result->headers.contains("Content-Encoding"));
      CHECK((result->history.empty() || result->history.size() > 1));
      CHECK(result->timings.queue <= result->timings.total);
      CHECK(result->timings.total <= run.options.timeout);
    } else {
      CHECK(result.status().elapsed() <= run.options.timeout);
    }
  }
  const double calls = static_cast<double>(run.asked.size());
  const double tries = static_cast<double>(run.transport->begun() - run.transport->sent_on());
  CHECK(tries <= calls * 1.2 + kSavedUp);
  CHECK(run.transport->under_way() == 0);
  CHECK(run.transport->most() <= run.options.max_connections);
  CHECK(run.transport->most_of_one() <= run.options.max_connections_per_origin);
  CHECK(run.core->pool().out() == 0);
  CHECK(run.core->pool().waiting() == 0);
  CHECK(run.core->pool().origins() == 0);
  CHECK(run.loop.roots() == 0);
  CHECK(run.loop.timers() == 0);
  CHECK(live_frames() == 0);
}

// A sanitizer makes the coding of bodies ten times slower, which is most of a run.
#ifdef TIDEGATE_TEST_SANITIZED
constexpr int kSeeds = 2'000;
#else
constexpr int kSeeds = 10'000;
#endif

TEST_CASE("A client keeps its bounds and loses nothing in every order of events") {
  std::size_t runs = 0;
  std::size_t drained = 0;
  std::size_t hedged = 0;
  test::each_seed(200, kSeeds, [&](std::uint64_t seed) {
    Run run(seed);
    {
      Flow first(run.loop, ask_again_and_again(&run));
      Flow second(run.loop, ask_again_and_again(&run));
      Flow third(run.loop, ask_again_and_again(&run));
      run.loop.drive();
    }
    check(run);
    ++runs;
    drained += run.transport->drained();
    for (const Asked& each : run.asked) {
      const auto result = each.operation.wait();
      hedged += result.ok() && result->hedged ? 1 : 0;
    }
  });
  if (runs < 100) return;  // played again
  CHECK(drained > runs);
  CHECK(hedged > runs / 20);
}

// Every request needs a connection of its own, which is refused to those whose turn it is not.
struct OpensEach {
  explicit OpensEach(Loop& loop)
      : transport(std::make_shared<TimedTransport>(
            loop, [this, &loop](const TransportRequest& request, TransportReply& reply) {
              if (!request.may_open) {
                reply = {};
                reply.wants_connection = true;
                return 0ms;
              }
              opened.push_back(loop.now());
              told.emplace_back(request.headers.find("Time-Left").value_or(""));
              reply.connections = 1;
              return 0ms;
            })) {}

  std::vector<TimePoint> opened;
  std::vector<std::string> told;
  const std::shared_ptr<TimedTransport> transport;
};

TEST_CASE("WhoWaitedForAConnectionTellsWhatIsLeftThen") {
  SimLoop loop;
  ClientOptions::Values options;
  options.name = "paced-telling";
  options.connects_per_second = 10;
  options.deadline_header = "Time-Left";
  Request::Values request;
  request.method = "GET";
  request.url = kUrls[0];
  request.timeout = 10s;
  const auto place = HttpUrl::parse(request.url);
  REQUIRE(place.ok());
  options.deadline_hosts = {place->host()};
  const HttpDefaults defaults(options);
  OpensEach opens(loop);
  const auto core = std::make_shared<HttpCore>(loop, opens.transport, options, 1);
  for (int i = 0; i < 3; ++i) {
    auto plan = make_plan(request, defaults);
    REQUIRE(plan.ok());
    (void)Fetch::start(core, std::move(plan).value(), loop.now());
  }
  loop.drive();
  CHECK(opens.told == std::vector<std::string>{"10000ms", "9900ms", "9800ms"});
}

TEST_CASE("ConnectionsAreOpenedEvenlySpacedAndWhoGivesUpHasTheOthersNoEarlier [C12]") {
  SimLoop loop;
  ClientOptions::Values options;
  options.name = "paced";
  options.connects_per_second = 10;
  const HttpDefaults defaults(options);
  OpensEach opens(loop);
  const auto core = std::make_shared<HttpCore>(loop, opens.transport, options, 1);
  const TimePoint begun = loop.now();
  std::vector<Operation<Response>> operations;
  for (int i = 0; i < 5; ++i) {
    Request::Values request;
    request.method = "GET";
    request.url = kUrls[0];
    auto plan = make_plan(request, defaults);
    REQUIRE(plan.ok());
    operations.push_back(Fetch::start(core, std::move(plan).value(), loop.now()));
  }
  loop.drive(Deadline::at(begun + 150ms));
  operations[3].cancel();
  loop.drive();
  CHECK(opens.opened == std::vector<TimePoint>{begun, begun + 100ms, begun + 200ms, begun + 400ms});
  for (std::size_t i = 0; i < 5; ++i) {
    const auto outcome = operations[i].wait();
    CHECK(outcome.status().cause() == (i == 3 ? Cause::kCancelled : Cause::kNone));
  }
  CHECK(core->metrics().paced.value() == 4);
  CHECK(core->pool().out() == 0);
}

TEST_CASE("ALargeBodyThatIsBeingDecodedHoldsUpNoSmallOne [B1]") {
  SimLoop loop;
  ClientOptions::Values options;
  options.name = "sim";
  const HttpDefaults defaults(options);
  std::string large;
  for (unsigned i = 1; large.size() < 1'000'000; i = i * 1664525 + 1013904223) {
    large += std::to_string(i);
  }
  int exchanges = 0;
  const auto transport = std::make_shared<TimedTransport>(
      loop, [&](const TransportRequest& request, TransportReply& reply) {
        reply.headers.add("Content-Encoding", "zstd");
        reply.body = Bytes(test::encode("zstd", ++exchanges == 1 ? large : request.url));
        return 0ms;
      });
  const auto core = std::make_shared<HttpCore>(loop, transport, options, 1);
  std::vector<Operation<Response>> operations;
  for (int i = 0; i < 4; ++i) {
    Request::Values request;
    request.method = "GET";
    request.url = kUrls[static_cast<std::size_t>(i)];
    auto plan = make_plan(request, defaults);
    REQUIRE(plan.ok());
    operations.push_back(Fetch::start(core, std::move(plan).value(), loop.now()));
  }
  std::size_t turns_of_the_large = 0;
  for (; !operations[0].done(); ++turns_of_the_large) {
    loop.single_turn(0ns);
    REQUIRE(turns_of_the_large < 1000);
    // By the third turn: they begin in one, and decode with a share of a slice in the next.
    if (turns_of_the_large >= 3) {
      for (std::size_t i = 1; i < 4; ++i) CHECK(operations[i].done());
    }
  }
  CHECK(turns_of_the_large > 10);
  CHECK(operations[0].wait()->body.size() >= 1'000'000);
  CHECK(operations[3].wait()->text() == kUrls[3]);
}

}  // namespace
}  // namespace tidegate::internal
