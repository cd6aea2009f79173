// SPDX-License-Identifier: Apache-2.0
//
// A cache before a backend that is slow, and then down: two callers share one load, the next has
// the value at once, and when it is too old and no better one comes, it is served all the same.
#include <iostream>
#include <latch>
#include <string>
#include <tidegate/tidegate.hpp>

namespace tg = tidegate;
using namespace std::chrono_literals;

namespace {

struct Backend {
  int asked = 0;
  bool is_down = false;

  tg::Result<std::string> price() {
    if (is_down) return tg::Status(tg::Cause::kEngineUnavailable, "the backend is down");
    return "price " + std::to_string(++asked);
  }
};

void show(const char* when, const tg::Result<tg::Answer<std::string>>& answer) {
  std::cout << when << ": ";
  if (!answer.ok()) {
    std::cout << tg::cause_info(answer.status().cause()).name << '\n';
    return;
  }
  std::cout << answer->value << ", " << tg::source_name(answer->source);
  if (answer->degraded()) std::cout << ", because " << tg::cause_info(answer->reason.cause()).name;
  std::cout << '\n';
}

}  // namespace

int main() {
  Backend backend;
  std::latch both_asked(1);
  const auto load = [&](tg::LoadContext& context) {
    both_asked.wait();
    if (backend.asked > 0) context.ttl(0s);  // the second price is old as soon as it is here
    return backend.price();
  };
  const tg::TypedCache<std::string> cache(tg::CacheOptions().ttl(5min).stale_for(1h));

  const auto first = cache.get_or_load("prices:audi", load);
  const auto second = cache.get_or_load("prices:audi", load);
  both_asked.count_down();
  std::cout << "two at once: " << first.wait()->value << " and " << second.wait()->value << '\n';
  show("afterwards", cache.get_or_load("prices:audi", load).wait());

  cache.invalidate("prices:audi");
  show("forgotten", cache.get_or_load("prices:audi", load).wait());

  backend.is_down = true;
  show("down", cache.get_or_load("prices:audi", load).wait());
  show("down, never seen", cache.get_or_load("prices:bmw", load).wait());
  std::cout << "asked the backend " << backend.asked << " times\n";
}
