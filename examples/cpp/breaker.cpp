// SPDX-License-Identifier: Apache-2.0
//
// A service goes down. After five failures in a row it is left alone, and whoever wants it hears at
// once when to come again; then three calls try, and everybody enters as before.
#include <chrono>
#include <cstdio>
#include <string>
#include <thread>
#include <tidegate/breaker.hpp>
#include <tidegate/log.hpp>

namespace tg = tidegate;
using namespace std::chrono_literals;

namespace {

bool is_down = false;
int asked = 0;

tg::Result<std::string> fetch() {
  ++asked;
  if (is_down) return tg::Status(tg::Cause::kConnect, "nobody is there");
  return std::string("a car");
}

}  // namespace

int main() {
  tg::set_log_level(tg::LogLevel::kError);
  tg::Breaker breaker(tg::BreakerOptions().name("encar").consecutive(5).open_for(50ms, 1s));

  tg::Result<std::string> car = breaker.call(fetch);
  std::printf("up: %s\n", car->c_str());

  is_down = true;
  for (int i = 0; i < 100; ++i) car = breaker.call(fetch);
  std::printf("down: %s, asked %d times\n",
              std::string(tg::cause_info(car.status().cause()).name).c_str(), asked);

  is_down = false;
  for (;;) {
    const tg::BreakerPermit permit = breaker.try_enter();
    if (permit) break;
    std::this_thread::sleep_for(permit.retry_after());
  }
  for (int i = 0; i < 3; ++i) car = breaker.call(fetch);
  std::printf("up again: %s, %s\n", car->c_str(),
              std::string(tg::breaker_state_name(breaker.state())).c_str());
}
