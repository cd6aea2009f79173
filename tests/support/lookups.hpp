// SPDX-License-Identifier: Apache-2.0
// Lookups: names that a test invents, in place of the machine's resolver. Copies share them, so that
// a lookup that outlives the test's scope has what it touches.
#pragma once

#include <netdb.h>

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "net/dns_lookup.hpp"
#include "support/event.hpp"

namespace tidegate::test {

class Lookups {
 public:
  // What a lookup of `host` comes to from now on.
  void answer(const std::string& host, std::vector<std::string> addresses) const {
    set(host, {.addresses = std::move(addresses)}, nullptr);
  }
  void fail(const std::string& host, int why) const { set(host, {.failed = why}, nullptr); }
  // Each begun from now on stays in there until the event.
  void hang(const std::string& host, const Event& until, internal::DnsLookup then) const {
    set(host, std::move(then), std::make_shared<Event>(until));
  }

  // Lookups of `host` that were begun.
  int begun(const std::string& host) const {
    std::lock_guard lock(state_->mutex);
    return state_->hosts[host].begun;
  }

  internal::DnsLookup operator()(const std::string& host) const {
    Host now;
    {
      std::lock_guard lock(state_->mutex);
      ++state_->hosts[host].begun;
      now = state_->hosts[host];
    }
    if (now.hangs) (void)now.hangs->wait();
    return now.result;
  }

 private:
  struct Host {
    internal::DnsLookup result{.failed = EAI_NONAME};
    std::shared_ptr<Event> hangs;
    int begun = 0;
  };
  struct State {
    std::mutex mutex;
    std::map<std::string, Host> hosts;
  };
  void set(const std::string& host, internal::DnsLookup result,
           std::shared_ptr<Event> hangs) const {
    std::lock_guard lock(state_->mutex);
    state_->hosts[host].result = std::move(result);
    state_->hosts[host].hangs = std::move(hangs);
  }

  std::shared_ptr<State> state_ = std::make_shared<State>();
};

}  // namespace tidegate::test
