// SPDX-License-Identifier: Apache-2.0
#include "support/sim_loop.hpp"

#include "base/scope.hpp"

namespace tidegate::test {

using internal::IntrusiveList;
using internal::Message;
using internal::Ready;

void SimLoop::drive(Deadline until) {
  for (;;) {
    while (turn()) {
    }
    const auto next = next_timer();
    if (!next || *next > until.time()) break;
    tell_time(*next);
    fire_timers();
  }
  if (!until.is_never()) tell_time(until.time());
}

bool SimLoop::turn() {
  IntrusiveList<Message> messages;
  messages.append(messages_);
  const bool busy = !messages.empty() || has_ready();
  while (Message* const message = messages.pop_front()) message->run();
  run_ready();
  return busy;
}

Ready& SimLoop::pick(IntrusiveList<Ready>& turn) noexcept {
  Ready* picked = &turn.front();
  if (seeded_) {
    std::uint64_t count = 0;
    for (Ready* each = picked; each; each = turn.after(*each)) ++count;
    for (std::uint64_t skip = rng_.below(count); skip > 0; --skip) picked = turn.after(*picked);
  }
  picked->unlink();
  ++resumes_;
  if (watch_) watch_(resumes_);
  trace(static_cast<std::uint64_t>(elapsed().count()));
  trace(picked->scope()->root_id());
  trace(static_cast<std::uint64_t>(picked->outcome()));
  return *picked;
}

// FNV-1a, a byte at a time: what it takes in decides, not how a machine stores it.
void SimLoop::trace(std::uint64_t word) noexcept {
  for (unsigned shift = 0; shift < 64; shift += 8) {
    trace_ = (trace_ ^ ((word >> shift) & 0xff)) * 0x100000001b3u;
  }
}

}  // namespace tidegate::test
