// SPDX-License-Identifier: Apache-2.0
#include "net/redis_client.hpp"

#include <mutex>
#include <utility>
#include <vector>

#include "base/per_process.hpp"

namespace tidegate::internal {

Task<Result<KvFound>> RedisClient::get(std::string name, std::string guard) {
  return redis_get(core_, std::move(name), std::move(guard));
}

Task<Result<bool>> RedisClient::set(KvSet what) { return redis_set(core_, std::move(what)); }

Task<Status> RedisClient::invalidate(KvInvalidate what) {
  return redis_invalidate(core_, std::move(what));
}

Task<Result<std::int64_t>> RedisClient::number(KvNumber what) {
  return redis_number(core_, std::move(what));
}

Task<Result<std::int64_t>> RedisClient::raise(KvNumber what) {
  return redis_raise(core_, std::move(what));
}

void RedisClient::listen(std::string channel, KvListener& listener) {
  core_->listen(std::move(channel), listener);
}

void RedisClient::ignore(std::string_view channel, KvListener& listener) noexcept {
  core_->ignore(channel, listener);
}

bool RedisClient::quiesce() { return core_->pause() && core_->resolver().quiesce(); }

namespace {

// The clients of one process. Whoever uses one holds it; here they are only found again.
class RedisClients {
 public:
  std::shared_ptr<RedisClient> find(const RedisUrl& url, const RedisOptions& options) {
    std::lock_guard lock(mutex_);
    std::erase_if(clients_, [](const auto& known) { return known.expired(); });
    for (const auto& known : clients_) {
      auto client = known.lock();
      if (client && client->url() == url && client->options() == options) return client;
    }
    auto made = std::make_shared<RedisClient>(Runtime::current().shard(), url, options);
    clients_.push_back(made);
    Runtime::current().enroll(made);
    return made;
  }

 private:
  std::mutex mutex_;
  std::vector<std::weak_ptr<RedisClient>> clients_;  // guarded by mutex_
};

}  // namespace

std::shared_ptr<RedisClient> redis_client(const RedisUrl& url, const RedisOptions& options) {
  static auto* const home = new PerProcess<RedisClients>;
  return home->get([] { return std::make_shared<RedisClients>(); })->find(url, options);
}

}  // namespace tidegate::internal
