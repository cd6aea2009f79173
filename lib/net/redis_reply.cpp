// SPDX-License-Identifier: Apache-2.0

#include "net/redis_reply.hpp"

#include <hiredis/read.h>

#include <charconv>
#include <new>
#include <utility>

#include "base/text.hpp"

namespace tidegate::internal {

// The reply under construction, and hiredis' callbacks that construct it. `object` of a task is the
// RedisReply of its array. Those of the arrays that are open stay where they are: an array grows
// only when the last one in it is complete.
struct RedisReplyReader::Building {
  const RedisReplyLimits& limits;
  const redisReader* reader = nullptr;
  RedisReply root{};
  std::size_t bytes = 0;     // of strings and elements in root; they were unread input before
  std::size_t elements = 0;  // announced in root
  Status refused{};

  std::size_t buffered() const noexcept { return reader->len - reader->pos + bytes; }

  void* refuse(Cause cause, std::string_view why) noexcept {
    refused = Status(cause, why);
    return nullptr;
  }

  void reset() {
    root = {};
    bytes = 0;
    elements = 0;
  }

  RedisReply& add(const redisReadTask& task, RedisReply::Kind kind) {
    RedisReply* const place =
        task.parent ? &static_cast<RedisReply*>(task.parent->obj)->elements.emplace_back() : &root;
    place->kind = kind;
    return *place;
  }

  // C code calls: nothing may be thrown through it. What `make` returns is only compared with null
  // and put into the task; a null ends the reader.
  template <class Make>
  static void* guarded(const redisReadTask* task, Make make) noexcept {
    auto& building = *static_cast<Building*>(task->privdata);
    try {
      return make(building);
    } catch (const std::bad_alloc&) {
      return building.refuse(Cause::kNoMemory, "no memory for a reply of Redis");
    }
  }

  void* string(const redisReadTask& task, const char* data, std::size_t size) {
    const bool bulk = task.type == REDIS_REPLY_STRING;
    if (!bulk && task.type != REDIS_REPLY_STATUS && task.type != REDIS_REPLY_ERROR) {
      return refuse(Cause::kDecode, "Redis answered with a type of RESP3");
    }
    if (size > (bulk ? limits.string_bytes : kMaxLine)) return too_long(size, bulk);
    // hiredis has waited for these two bytes, but has not looked at them.
    if (data[size] != '\r' || data[size + 1] != '\n') {
      return refuse(Cause::kDecode, "a string of Redis is longer than its announced length");
    }
    RedisReply& reply = add(task, bulk                              ? RedisReply::Kind::kString
                                  : task.type == REDIS_REPLY_STATUS ? RedisReply::Kind::kStatus
                                                                    : RedisReply::Kind::kError);
    reply.text.assign(data, size);
    bytes += size;
    return &reply;
  }

  void* too_long(std::size_t size, bool bulk) {
    return refuse(Cause::kTooLarge,
                  std::string(bulk ? "a string" : "a line")
                      .append(" of Redis has " + std::to_string(size) + " bytes, the limit is " +
                              std::to_string(bulk ? limits.string_bytes : kMaxLine)));
  }

  void* too_large() {
    return refuse(Cause::kTooLarge, "a reply of Redis is larger than the limit of " +
                                        std::to_string(limits.total_bytes) + " bytes");
  }

  void* array(const redisReadTask& task, std::size_t count) {
    if (task.type != REDIS_REPLY_ARRAY) {
      return refuse(Cause::kDecode, "Redis answered with a type of RESP3");
    }
    if (count > limits.elements - elements) {
      return refuse(Cause::kTooLarge, "Redis announced an array of " + std::to_string(count) +
                                          " elements, the limit for one reply is " +
                                          std::to_string(limits.elements));
    }
    std::size_t depth = 1;
    for (const redisReadTask* above = task.parent; above; above = above->parent) ++depth;
    if (depth > limits.depth) {
      return refuse(Cause::kTooLarge, "a reply of Redis nests deeper than the limit of " +
                                          std::to_string(limits.depth));
    }
    if (buffered() + count * sizeof(RedisReply) > limits.total_bytes) return too_large();
    elements += count;
    bytes += count * sizeof(RedisReply);
    RedisReply& reply = add(task, RedisReply::Kind::kArray);
    reply.elements.reserve(count);
    return &reply;
  }

  static void* on_string(const redisReadTask* task, char* data, std::size_t size) noexcept {
    return guarded(task, [&](Building& b) { return b.string(*task, data, size); });
  }

  // The count is an int in 0.14 and a size_t since 1.0; never negative.
  template <class Count>
  static void* on_array(const redisReadTask* task, Count count) noexcept {
    return guarded(task,
                   [&](Building& b) { return b.array(*task, static_cast<std::size_t>(count)); });
  }

  static void* on_integer(const redisReadTask* task, long long value) noexcept {
    return guarded(task, [&](Building& b) -> void* {
      RedisReply& reply = b.add(*task, RedisReply::Kind::kInteger);
      reply.integer = value;
      return &reply;
    });
  }

  static void* on_nil(const redisReadTask* task) noexcept {
    // Of RESP2 it is a string or an array of length -1; "_", a type of its own, is RESP3.
    if (task->type == REDIS_REPLY_NIL) return on_resp3(task);
    return guarded(task,
                   [&](Building& b) -> void* { return &b.add(*task, RedisReply::Kind::kNil); });
  }

  template <class... Value>
  static void* on_resp3(const redisReadTask* task, Value...) noexcept {
    return guarded(task, [](Building& b) {
      return b.refuse(Cause::kDecode, "Redis answered with a type of RESP3");
    });
  }

  static void on_free(void*) noexcept {}  // all of it belongs to `root`

  // A template, so that members that 0.14 has not are only looked for.
  template <class Functions>
  static Functions make_functions() {
    Functions functions{};
    functions.createString = on_string;
    functions.createArray = on_array;
    functions.createInteger = on_integer;
    functions.createNil = on_nil;
    functions.freeObject = on_free;
    if constexpr (requires { functions.createDouble; }) functions.createDouble = on_resp3;
    if constexpr (requires { functions.createBool; }) functions.createBool = on_resp3;
    return functions;
  }
};

void RedisReplyReader::Free::operator()(redisReader* reader) const noexcept {
  redisReaderFree(reader);
}

RedisReplyReader::RedisReplyReader(RedisReplyLimits limits)
    : limits_(limits), building_(new Building{.limits = limits_}) {
  static redisReplyObjectFunctions functions =
      Building::make_functions<redisReplyObjectFunctions>();
  reader_.reset(redisReaderCreateWithFunctions(&functions));
  if (!reader_) throw std::bad_alloc();
  reader_->privdata = building_.get();
  building_->reader = reader_.get();
}

RedisReplyReader::~RedisReplyReader() = default;

Status RedisReplyReader::refuse(Status why) {
  refused_ = std::move(why);
  building_->reset();
  return refused_;
}

Status RedisReplyReader::feed(std::string_view bytes) {
  if (!refused_.ok()) return refused_;
  if (buffered() + bytes.size() > limits_.total_bytes) {
    building_->too_large();
    return refuse(building_->refused);
  }
  if (redisReaderFeed(reader_.get(), bytes.data(), bytes.size()) != REDIS_OK) {
    return refuse(Status(Cause::kNoMemory, "no memory for a reply of Redis"));
  }
  unanswered_ += bytes.size();
  return {};
}

Result<std::optional<RedisReply>> RedisReplyReader::next() {
  if (!refused_.ok()) return refused_;
  void* whole = nullptr;
  if (redisReaderGetReply(reader_.get(), &whole) != REDIS_OK) {
    if (!building_->refused.ok()) return refuse(building_->refused);
    if (reader_->err == REDIS_ERR_OOM) {
      return refuse(Status(Cause::kNoMemory, "no memory for a reply of Redis"));
    }
    return refuse(Status(Cause::kDecode, "Redis answered with what is no RESP2: " +
                                             one_line(reader_->errstr, sizeof reader_->errstr)));
  }
  if (!whole) {
    if (Status status = check_unread(); !status.ok()) return refuse(std::move(status));
    return std::optional<RedisReply>();
  }
  std::optional<RedisReply> reply(std::move(building_->root));
  building_->reset();
  unanswered_ = reader_->len - reader_->pos;
  return reply;
}

std::size_t RedisReplyReader::buffered() const noexcept { return building_->buffered(); }

// hiredis has taken all whole items and the type byte of the next. Of a line or an array it would
// have taken the line as well: a line that is still there is the length of a bulk string.
Status RedisReplyReader::check_unread() const {
  const std::string_view unread(reader_->buf + reader_->pos, reader_->len - reader_->pos);
  const std::size_t end = unread.substr(0, kMaxLine + 2).find("\r\n");
  if (end == unread.npos) {
    if (unread.size() < kMaxLine + 2) return {};
    return Status(Cause::kTooLarge,
                  "a line of Redis does not end within " + std::to_string(kMaxLine) + " bytes");
  }
  std::uint64_t announced = 0;
  std::from_chars(unread.data(), unread.data() + end, announced);
  if (announced <= limits_.string_bytes && building_->bytes + announced <= limits_.total_bytes) {
    return {};
  }
  return Status(Cause::kTooLarge, "Redis announced a string of " + std::to_string(announced) +
                                      " bytes, the limit is " +
                                      std::to_string(limits_.string_bytes));
}

}  // namespace tidegate::internal
