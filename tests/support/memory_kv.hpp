// SPDX-License-Identifier: Apache-2.0
//
// MemoryStore: a store of bytes in this process, always up, and MemoryKv: one client of it
// (base/ports/kv.hpp), for tests on the loop of production. Everything is on that loop but what is
// marked so.
#pragma once

#include <algorithm>
#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/ports/kv.hpp"
#include "base/ports/loop.hpp"

namespace tidegate::test {

class MemoryKv;

struct MemoryStore {
  struct Value {
    std::string bytes;
    TimePoint until;
  };
  std::map<std::string, Value> values;
  std::map<std::string, std::string> guards;
  std::map<std::string, std::int64_t> numbers;
  std::vector<MemoryKv*> clients;

  // Any thread: how many values were written, and what is read in their place from now on.
  std::atomic<int> written{0};
  void spoil(std::string bytes) {
    spoilt = std::move(bytes);
    is_spoilt.store(true);
  }
  std::string spoilt;
  std::atomic<bool> is_spoilt{false};
};

class MemoryKv final : public internal::Kv {
 public:
  MemoryKv(std::shared_ptr<MemoryStore> store, internal::Loop& loop) noexcept
      : store_(std::move(store)), loop_(loop) {}
  MemoryKv(const MemoryKv&) = delete;
  MemoryKv& operator=(const MemoryKv&) = delete;

  internal::Task<Result<internal::KvFound>> get(std::string name, std::string guard) override {
    internal::KvFound found;
    const auto known = store_->values.find(name);
    if (known != store_->values.end()) {
      found.value = store_->is_spoilt.load() ? store_->spoilt : known->second.bytes;
      found.left = known->second.until - loop_.now();
    }
    found.guard = store_->guards[guard];
    co_return found;
  }
  internal::Task<Result<bool>> set(internal::KvSet what) override {
    if (store_->guards[what.guard] != what.guard_seen) co_return false;
    store_->values[what.name] = {std::move(what.value), loop_.now() + what.life};
    store_->written.fetch_add(1);
    co_return true;
  }
  internal::Task<Status> invalidate(internal::KvInvalidate what) override {
    store_->guards[what.guard] = what.token;
    store_->values.erase(what.name);
    publish(what.message);
    co_return Status();
  }
  internal::Task<Result<std::int64_t>> number(internal::KvNumber what) override {
    co_return store_->numbers.try_emplace(what.name, what.least_begun(1)).first->second;
  }
  internal::Task<Result<std::int64_t>> raise(internal::KvNumber what) override {
    std::int64_t& number = store_->numbers[what.name];
    number = std::max(number + 1 + number % 2, what.least_raised(1));
    const std::int64_t raised = number;
    publish(what.message);
    co_return raised;
  }
  // The channel is the same for all in these tests.
  void listen(std::string, internal::KvListener& listener) override {
    listener_ = &listener;
    store_->clients.push_back(this);
    static_cast<void>(loop_.post(begin_));
  }
  void ignore(std::string_view, internal::KvListener&) noexcept override {
    listener_ = nullptr;
    std::erase(store_->clients, this);
  }
  bool up() const noexcept override { return true; }

 private:
  struct Begin final : internal::Message {
    explicit Begin(MemoryKv& kv) noexcept : owner(kv) {}
    void run() noexcept override {
      if (owner.listener_) owner.listener_->listening();
    }
    MemoryKv& owner;
  };
  void publish(const std::string& message) {
    for (const MemoryKv* const client : store_->clients) client->listener_->heard(message);
  }

  const std::shared_ptr<MemoryStore> store_;
  internal::Loop& loop_;
  internal::KvListener* listener_ = nullptr;
  Begin begin_{*this};
};

}  // namespace tidegate::test
