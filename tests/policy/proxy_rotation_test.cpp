// SPDX-License-Identifier: Apache-2.0
#include "policy/proxy_rotation.hpp"

#include <doctest/doctest.h>

#include <random>
#include <vector>

using namespace tidegate;
using namespace std::chrono_literals;
using policy::ProxyRotation;

namespace {

const TimePoint start{1h};

std::vector<std::size_t> turns(ProxyRotation& rotation, std::size_t count, TimePoint now = start) {
  std::vector<std::size_t> taken;
  for (std::size_t i = 0; i < count; ++i) taken.push_back(rotation.next(now).proxy);
  return taken;
}

using Proxies = std::vector<std::size_t>;

}  // namespace

TEST_CASE("ProxiesGoRoundRequestByRequestOrSessionBySession") {
  ProxyRotation by_request(3, 1);
  CHECK(turns(by_request, 7) == Proxies{0, 1, 2, 0, 1, 2, 0});
  CHECK(by_request.rotations() == 6);
  ProxyRotation by_session(2, 3);
  CHECK(turns(by_session, 8) == Proxies{0, 0, 0, 1, 1, 1, 0, 0});
  CHECK(by_session.rotations() == 2);
  CHECK(by_session.requests() == 8);
  CHECK(by_session.current() == 0);
  ProxyRotation for_ever(2, 0);
  CHECK(turns(for_ever, 100) == Proxies(100, 0));
  CHECK(for_ever.rotations() == 0);
}

TEST_CASE("OneProxyHasOneSessionAfterTheOther") {
  ProxyRotation rotation(1, 2);
  CHECK(rotation.next(start).session == rotation.next(start).session);
  CHECK(rotation.next(start).session == 1);
  CHECK(rotation.rotations() == 1);
  CHECK(rotation.available(start) == 1);
}

TEST_CASE("AProxyThatFailsIsSetAsideAndEndsItsSession [D10]") {
  ProxyRotation rotation(3, 100);
  const auto turn = rotation.next(start);
  rotation.failed(turn, start);
  CHECK(rotation.available(start) == 2);
  CHECK(turns(rotation, 5) == Proxies(5, 1));
  CHECK(rotation.rotations() == 1);
  CHECK(rotation.available(start + ProxyRotation::kSetAside) == 3);
}

TEST_CASE("OfManyRequestsThatOneFailureMeetsTheFirstCounts [D10]") {
  ProxyRotation rotation(2, 0);
  std::vector<ProxyRotation::Turn> taken;
  for (int i = 0; i < 10; ++i) taken.push_back(rotation.next(start));
  for (const auto& turn : taken) rotation.failed(turn, start);
  CHECK(rotation.available(start + ProxyRotation::kSetAside) == 2);
  rotation.worked(taken.front());  // it was taken before the failure
  CHECK(rotation.available(start) == 1);
}

TEST_CASE("AProxyThatWasSetAsideIsTriedByOneRequestBeforeItServesAgain [D10]") {
  ProxyRotation rotation(2, 1);
  rotation.failed(rotation.next(start), start);
  const TimePoint later = start + ProxyRotation::kSetAside;
  CHECK(rotation.next(later).proxy == 1);
  const auto trial = rotation.next(later);
  CHECK(trial.proxy == 0);
  CHECK(turns(rotation, 4, later) == Proxies(4, 1));
  SUBCASE("it works") {
    rotation.worked(trial);
    CHECK(turns(rotation, 4, later) == Proxies{0, 1, 0, 1});
  }
  SUBCASE("it fails, and is set aside for twice as long") {
    rotation.failed(trial, later);
    CHECK(rotation.available(later + 2 * ProxyRotation::kSetAside - 1ns) == 1);
    CHECK(rotation.available(later + 2 * ProxyRotation::kSetAside) == 2);
  }
  SUBCASE("nobody says how it fared, and another one tries") {
    CHECK(turns(rotation, 2, later + ProxyRotation::kSetAside) == Proxies{0, 1});
  }
}

TEST_CASE("WhereAllAreSetAsideTheOneThatComesBackFirstServes [D10]") {
  ProxyRotation rotation(3, 1);
  for (int i = 0; i < 3; ++i) rotation.failed(rotation.next(start + i * 1s), start + i * 1s);
  const TimePoint now = start + 3s;
  CHECK(rotation.available(now) == 0);
  CHECK(turns(rotation, 1, now) == Proxies{0});
  CHECK(turns(rotation, 1, now) == Proxies{1});
}

TEST_CASE("NoProxyIsSetAsideForLongerThanTheLongest [D10]") {
  ProxyRotation rotation(2, 0);
  TimePoint now = start;
  for (int i = 0; i < 100; ++i) {
    rotation.failed(rotation.next(now), now);
    now += ProxyRotation::kLongest;
    CHECK(rotation.available(now) == 2);
  }
}

TEST_CASE("WhateverBecomesOfThemAllServeAgainInTheEnd [D10]") {
  std::mt19937_64 random(7);
  ProxyRotation rotation(5, 3);
  TimePoint now = start;
  for (int i = 0; i < 10'000; ++i) {
    const auto peeked = rotation.peek(now);
    const auto turn = rotation.next(now);
    REQUIRE(turn.proxy < 5);
    REQUIRE(peeked.proxy == turn.proxy);
    REQUIRE(peeked.session == turn.session);
    switch (random() % 4) {
      case 0: rotation.failed(turn, now); break;
      case 1: now += std::chrono::seconds(random() % 20); break;
      default: rotation.worked(turn);
    }
  }
  CHECK(rotation.requests() == 10'000);
  CHECK(rotation.available(now + ProxyRotation::kLongest) == 5);
}
