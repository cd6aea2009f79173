// SPDX-License-Identifier: Apache-2.0
#include "net/redis_address.hpp"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <utility>

#include "base/bell.hpp"
#include "base/text.hpp"
#include "tidegate/ref.hpp"

namespace tidegate::internal {

namespace {

RedisAddress unix_address(const std::string& path) {
  sockaddr_un un{};
  un.sun_family = AF_UNIX;
  path.copy(un.sun_path, sizeof un.sun_path - 1);
  RedisAddress address;
  std::memcpy(&address.storage, &un, sizeof un);
  address.size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + 1);
  return address;
}

RedisAddresses in_turns(const addrinfo* found) {
  RedisAddresses addresses;
  const int first = found ? found->ai_family : AF_UNSPEC;
  std::size_t of_first = 0, of_other = 1;
  for (; found; found = found->ai_next) {
    std::size_t& place = found->ai_family == first ? of_first : of_other;
    if (place >= addresses.size()) addresses.resize(place + 1);
    std::memcpy(&addresses[place].storage, found->ai_addr, found->ai_addrlen);
    addresses[place].size = found->ai_addrlen;
    place += 2;
  }
  std::erase_if(addresses, [](const RedisAddress& address) { return address.size == 0; });
  return addresses;
}

Result<RedisAddresses> look_up(const std::string& host, std::uint16_t port, int flags) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const std::string service = std::to_string(port);
  const int failed = ::getaddrinfo(host.c_str(), service.c_str(), &hints, &found);
  if (failed != 0) {
    const char* why = failed == EAI_SYSTEM ? std::strerror(errno) : ::gai_strerror(failed);
    return Status(Cause::kEngineUnavailable,
                  "no address for the host '" + one_line(host, 100) + "': " + why);
  }
  RedisAddresses addresses = in_turns(found);
  ::freeaddrinfo(found);
  return addresses;
}

}  // namespace

std::string RedisAddress::to_string() const {
  if (storage.ss_family == AF_UNIX) {
    sockaddr_un un{};
    std::memcpy(&un, &storage, sizeof un);
    return one_line(un.sun_path, sizeof un.sun_path);
  }
  std::array<char, NI_MAXHOST> host{};
  std::array<char, NI_MAXSERV> port{};
  if (::getnameinfo(get(), size, host.data(), host.size(), port.data(), port.size(),
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
    return "?";
  }
  const std::string name(host.data());
  return (storage.ss_family == AF_INET6 ? "[" + name + "]" : name) + ":" + port.data();
}

// References: the flow's, the worker's, and one of the message that is on its way home.
class RedisResolver::Lookup final : public RefCounted, private Message {
 public:
  Lookup(Loop& loop, const RedisUrl& url) : loop_(loop), host_(url.host), port_(url.port) {}

  void look() {
    if (!abandoned_.load(std::memory_order_relaxed)) found_ = look_up(host_, port_, 0);
    ref();
    if (!loop_.post(*this)) unref();
  }
  void abandon() noexcept { abandoned_.store(true, std::memory_order_relaxed); }

  Bell home;
  bool is_home = false;
  const Result<RedisAddresses>& found() const noexcept { return found_; }

 private:
  ~Lookup() override = default;
  void run() noexcept override {
    is_home = true;
    home.ring();
    unref();
  }

  Loop& loop_;
  const std::string host_;
  const std::uint16_t port_;
  std::atomic<bool> abandoned_{false};
  Result<RedisAddresses> found_{Status(Cause::kCancelled, "nobody waits for the lookup")};
};

Task<Result<RedisAddresses>> RedisResolver::resolve(const RedisUrl* url) {
  if (!url->path.empty()) co_return RedisAddresses(1, unix_address(url->path));
  auto numeric = look_up(url->host, url->port, AI_NUMERICHOST);
  if (numeric.ok()) co_return numeric;

  const auto lookup = Ref<Lookup>::adopt(new Lookup(loop_, *url));
  const std::function<void()> look = [lookup] { lookup->look(); };
  const Status running = workers_->run(look);
  if (!running.ok()) co_return running;
  for (;;) {
    const Cause woken = co_await lookup->home.heard(Deadline::never());
    if (lookup->is_home) co_return lookup->found();
    if (woken == Cause::kNone) continue;
    lookup->abandon();
    co_return Status(woken, "the host '" + one_line(url->host, 100) + "' was not found in time");
  }
}

}  // namespace tidegate::internal
