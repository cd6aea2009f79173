// SPDX-License-Identifier: Apache-2.0

#include "net/redis_error.hpp"

#include <cstddef>
#include <iterator>
#include <string>

#include "base/text.hpp"

namespace tidegate::internal {
namespace {

using Kind = RedisErrorKind;

struct Row {
  std::string_view start;
  Kind kind;
};

// First words end in a space, so that BUSY is not BUSYGROUP.
constexpr Row kRows[] = {
    {"WRONGTYPE ", Kind::kWrongType},
    {"OOM ", Kind::kFull},
    {"READONLY ", Kind::kReadOnly},
    {"NOREPLICAS ", Kind::kReadOnly},
    {"MISCONF ", Kind::kMisconfigured},
    {"LOADING ", Kind::kLoading},
    {"BUSY ", Kind::kBusy},
    {"MASTERDOWN ", Kind::kMasterDown},
    {"ERR max number of clients", Kind::kTooManyClients},
    {"NOAUTH ", Kind::kDenied},
    {"WRONGPASS ", Kind::kDenied},
    {"NOPERM ", Kind::kDenied},
    {"DENIED ", Kind::kDenied},  // protected mode
    // AUTH before 6.0, and where no password is set
    {"ERR invalid password", Kind::kDenied},
    {"ERR Client sent AUTH", Kind::kDenied},
    {"ERR AUTH ", Kind::kDenied},
    {"MOVED ", Kind::kCluster},
    {"ASK ", Kind::kCluster},
    {"TRYAGAIN ", Kind::kCluster},
    {"CLUSTERDOWN ", Kind::kCluster},
    {"CROSSSLOT ", Kind::kCluster},
};

struct Meaning {
  std::string_view name;
  Cause cause;
  std::string_view words;  // before what Redis said
};

// In the order of RedisErrorKind.
constexpr Meaning kMeanings[] = {
    {"other", Cause::kQueryError, "Redis refused the command"},
    {"wrong_type", Cause::kDecode, "the key in Redis is of another type"},
    {"full", Cause::kEngineBusy, "Redis is full"},
    {"read_only", Cause::kEngineUnavailable, "Redis takes no writes"},
    {"misconfigured", Cause::kEngineUnavailable, "Redis takes no writes"},
    {"loading", Cause::kEngineBusy, "Redis is loading its data"},
    {"busy", Cause::kEngineBusy, "Redis is busy with a script"},
    {"master_down", Cause::kEngineUnavailable, "Redis is a replica without its master"},
    {"too_many_clients", Cause::kEngineBusy, "Redis takes no more connections"},
    {"denied", Cause::kConfig, "Redis denied access"},
    {"cluster", Cause::kConfig, "Redis is part of a Cluster, which is not supported"},
};
static_assert(std::size(kMeanings) == kRedisErrorKinds);

const Meaning& meaning(Kind kind) noexcept { return kMeanings[static_cast<std::size_t>(kind)]; }

}  // namespace

RedisErrorKind redis_error_kind(std::string_view text) noexcept {
  for (const Row& row : kRows) {
    if (text.starts_with(row.start)) return row.kind;
    // A reply that is nothing but the word.
    if (row.start.ends_with(' ') && text == row.start.substr(0, row.start.size() - 1)) {
      return row.kind;
    }
  }
  return Kind::kOther;
}

std::string_view redis_error_name(RedisErrorKind kind) noexcept { return meaning(kind).name; }

bool redis_serves_reads(RedisErrorKind kind) noexcept {
  return kind <= RedisErrorKind::kMisconfigured;
}

bool redis_error_is_permanent(RedisErrorKind kind) noexcept {
  return kind == RedisErrorKind::kDenied || kind == RedisErrorKind::kCluster;
}

Status redis_error_status(std::string_view text) {
  const Meaning& what = meaning(redis_error_kind(text));
  // "ERR unknown command 'AUTH', with args beginning with: 's3cret' "
  const std::string_view safe = text.substr(0, text.find(", with args"));
  return Status(what.cause, std::string(what.words).append(": ").append(one_line(safe, 200)));
}

}  // namespace tidegate::internal
