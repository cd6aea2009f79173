// SPDX-License-Identifier: Apache-2.0
//
// RedisClient: the Kv of production: one Redis server behind two connections, that of the verbs and
// that of the channels.
//
//   const std::shared_ptr<RedisClient> redis = redis_client(*RedisUrl::parse(text), RedisOptions());
//   auto getting = redis->get(name, guard);
//   const auto found = co_await std::move(getting);
//
// Nothing is opened before the first verb or listen(). All that is said in one turn of the loop is
// one write, and each reply is its own caller's, whoever has stopped waiting. A verb ends within
// RedisOptions::timeout: with kDeadline where Redis was slow, kEngineUnavailable where it cannot be
// reached or the connection was lost, kSaturated beyond the bounds, kTooLarge or kDecode where the
// answer was not to be believed (the connection is then closed), kClosed, or with what Redis said.
// The sentence tells whether what was lost may have been carried out.
//
// A server that fails RedisOptions::failures times in a row, or does not take the connection, is
// taken for down: verbs fail at once, with the reason, until an attempt is answered. Attempts come
// one at a time with growing, random pauses. A write that is refused because Redis is full or a
// replica does not count.
//
// A fork: quiesce() closes the connections of an idle client; the next verb or listen() opens them
// again. Until then its listeners are deaf, and know it.
//
// The verbs, listen() and ignore() belong to the shard; everything else, any thread. What it was
// asked to do ends before the last handle goes, and listeners are taken off before they go.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/ports/kv.hpp"
#include "net/redis_core.hpp"
#include "net/redis_script.hpp"
#include "net/redis_verbs.hpp"
#include "net/runtime.hpp"

namespace tidegate::internal {

class RedisClient final : public Kv, public RuntimeMember {
 public:
  RedisClient(Shard& shard, RedisUrl url, RedisOptions options)
      : core_(Ref<RedisCore>::adopt(new RedisCore(shard, std::move(url), std::move(options)))) {}
  RedisClient(const RedisClient&) = delete;
  RedisClient& operator=(const RedisClient&) = delete;
  ~RedisClient() override { core_->release(); }

  Task<Result<KvFound>> get(std::string name, std::string guard) override;
  Task<Result<bool>> set(KvSet what) override;
  Task<Status> invalidate(KvInvalidate what) override;
  Task<Result<std::int64_t>> number(KvNumber what) override;
  Task<Result<std::int64_t>> raise(KvNumber what) override;
  // Beside Kv, and bounded as its verbs: redis_run() and redis_time().
  Task<Result<RedisReply>> run(RedisScript script, std::string key,
                               std::vector<std::string> arguments) {
    return redis_run(core_, script, {std::move(key)}, std::move(arguments));
  }
  Task<Result<Duration>> time() { return redis_time(core_); }
  void listen(std::string channel, KvListener& listener) override;
  void ignore(std::string_view channel, KvListener& listener) noexcept override;
  bool up() const noexcept override { return core_->up(); }

  // Of all clients of this server and database in the process.
  RedisStats stats() const noexcept { return core_->metrics().read(); }
  const RedisUrl& url() const noexcept { return core_->place().url; }
  const RedisOptions& options() const noexcept { return core_->place().options; }

  bool quiesce() override;
  void close() override {}  // its flows end with the shard
  std::size_t join(Deadline until) override { return core_->resolver().stop(until); }

 private:
  const Ref<RedisCore> core_;
};

// The client of this process for a URL and these options: one for all who hold it. Any thread.
std::shared_ptr<RedisClient> redis_client(const RedisUrl& url, const RedisOptions& options);

}  // namespace tidegate::internal
