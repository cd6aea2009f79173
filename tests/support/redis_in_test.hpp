// SPDX-License-Identifier: Apache-2.0
//
// RedisInTest: a Redis client on a shard of its own, and its verbs as calls that wait.
#pragma once

#include <doctest/doctest.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/flow_operation.hpp"
#include "net/redis_client.hpp"
#include "support/event.hpp"
#include "support/on_loop.hpp"

namespace tidegate::test {

// A flow that answers, as an operation.
template <class T>
class FlowCall final : public internal::FlowOperation {
 public:
  using Make = std::function<internal::Task<Result<T>>()>;
  FlowCall(internal::Loop& loop, Deadline deadline, Make make)
      : FlowOperation(loop, deadline), make_(std::move(make)) {}
  const void* result() const noexcept override { return &result_; }

 private:
  internal::Task<void> flow() override { return run(this); }
  static internal::Task<void> run(FlowCall* self) {
    auto task = self->make_();
    auto answer = co_await std::move(task);
    self->result_ = std::move(answer);
  }
  void settle(const Status& outcome) noexcept override {
    if (!outcome.ok()) result_ = outcome;
    make_ = nullptr;
  }

  Make make_;
  Result<T> result_{Status(Cause::kInternal, "not settled")};
};

// Remembers what it was told.
class Listener final : public internal::KvListener {
 public:
  void heard(std::string_view message) noexcept override {
    std::lock_guard lock(mutex_);
    heard_.emplace_back(message);
  }
  void listening() noexcept override { told(true); }
  void deaf() noexcept override { told(false); }

  std::vector<std::string> messages() const {
    std::lock_guard lock(mutex_);
    return heard_;
  }
  bool listens() const {
    std::lock_guard lock(mutex_);
    return listens_;
  }
  int changes() const {
    std::lock_guard lock(mutex_);
    return changes_;
  }
  int doubles() const {
    std::lock_guard lock(mutex_);
    return doubles_;
  }

 private:
  void told(bool listens) noexcept {
    std::lock_guard lock(mutex_);
    if (listens == listens_) ++doubles_;
    listens_ = listens;
    ++changes_;
  }
  mutable std::mutex mutex_;
  std::vector<std::string> heard_;
  bool listens_ = false;
  int changes_ = 0;
  int doubles_ = 0;  // told what it was told before
};

// Patient, because the machine may be slow; and quick to try again.
inline internal::RedisOptions patient() {
  using namespace std::chrono_literals;
  internal::RedisOptions options;
  options.timeout = options.connect_timeout = options.stall_timeout = 20s;
  options.first_pause = options.longest_pause = 1ms;
  options.memory_watch = 0s;
  return options;
}

class RedisInTest {
 public:
  explicit RedisInTest(const std::string& url, internal::RedisOptions options = patient())
      : client_(std::make_shared<internal::RedisClient>(shard_, parse(url), std::move(options))) {}
  RedisInTest(const RedisInTest&) = delete;
  RedisInTest& operator=(const RedisInTest&) = delete;
  ~RedisInTest() {
    const std::weak_ptr<internal::RedisClient> gone = client_;
    client_.reset();
    shard_.close();
    CHECK(shard_.join(Deadline::after(std::chrono::seconds(30))) == 0);
    CHECK(gone.expired());
  }

  internal::Shard& shard() noexcept { return shard_; }
  internal::RedisClient& client() noexcept { return *client_; }
  internal::RedisStats stats() const noexcept { return client_->stats(); }
  void drop() { client_.reset(); }

  template <class T>
  Operation<T> start(typename FlowCall<T>::Make make, Deadline deadline = Deadline::never()) {
    return Operation<T>((new FlowCall<T>(shard_, deadline, std::move(make)))->begin());
  }
  Operation<internal::KvFound> start_get(const std::string& name,
                                         Deadline deadline = Deadline::never()) {
    return start<internal::KvFound>(
        [client = client_, name] { return client->get(name, "guard:" + name); }, deadline);
  }

  Result<internal::KvFound> get(const std::string& name) { return start_get(name).wait(); }
  Result<bool> set(const std::string& name, const std::string& value, const std::string& seen = "",
                   Duration life = std::chrono::hours(1)) {
    const internal::KvSet what{name, value, life, "guard:" + name, seen};
    return start<bool>([client = client_, what] { return client->set(what); }).wait();
  }
  Status invalidate(const std::string& name, const std::string& token,
                    const std::string& channel = "channel", const std::string& message = "gone",
                    Duration life = std::chrono::hours(1)) {
    const internal::KvInvalidate what{name, "guard:" + name, token, life, channel, message};
    return start<bool>([client = client_, what] { return invalidated(client, what); })
        .wait()
        .status();
  }
  Result<std::int64_t> number(const std::string& name, std::int64_t seen = 0) {
    const internal::KvNumber what{name, seen, "channel", "begun"};
    return start<std::int64_t>([client = client_, what] { return client->number(what); }).wait();
  }
  Result<std::int64_t> raise(const std::string& name, std::int64_t seen = 0) {
    const internal::KvNumber what{name, seen, "channel", "raised"};
    return start<std::int64_t>([client = client_, what] { return client->raise(what); }).wait();
  }
  void listen(const std::string& channel, Listener& listener) {
    on_loop(shard_, [&] { client_->listen(channel, listener); });
  }
  void ignore(const std::string& channel, internal::KvListener& listener) {
    on_loop(shard_, [&] { client_->ignore(channel, listener); });
  }

 private:
  static internal::RedisUrl parse(const std::string& text) {
    auto url = internal::RedisUrl::parse(text);
    REQUIRE(url.ok());
    return *url;
  }
  static internal::Task<Result<bool>> invalidated(std::shared_ptr<internal::RedisClient> client,
                                                  internal::KvInvalidate what) {
    auto task = client->invalidate(std::move(what));
    const Status status = co_await std::move(task);
    if (!status.ok()) co_return status;
    co_return true;
  }

  internal::Shard shard_;
  std::shared_ptr<internal::RedisClient> client_;
};

}  // namespace tidegate::test
