// SPDX-License-Identifier: Apache-2.0

#include "net/redis_error.hpp"

#include <doctest/doctest.h>

#include <string>
#include <string_view>

using namespace tidegate::internal;
using tidegate::Cause;
using tidegate::Status;
using Kind = RedisErrorKind;

TEST_CASE("AnErrorReplyHasAKind") {
  struct Row {
    std::string_view text;
    Kind kind;
  };
  const Row rows[] = {
      {"LOADING Redis is loading the dataset in memory", Kind::kLoading},
      {"BUSY Redis is busy running a script. You can only call SCRIPT KILL.", Kind::kBusy},
      {"OOM command not allowed when used memory > 'maxmemory'.", Kind::kFull},
      {"READONLY You can't write against a read only replica.", Kind::kReadOnly},
      {"NOREPLICAS Not enough good replicas to write.", Kind::kReadOnly},
      {"MASTERDOWN Link with MASTER is down", Kind::kMasterDown},
      {"MISCONF Redis is configured to save RDB snapshots", Kind::kMisconfigured},
      {"NOAUTH Authentication required.", Kind::kDenied},
      {"WRONGPASS invalid username-password pair or user is disabled.", Kind::kDenied},
      {"NOPERM this user has no permissions to run the 'get' command", Kind::kDenied},
      {"DENIED Redis is running in protected mode", Kind::kDenied},
      {"ERR invalid password", Kind::kDenied},
      {"ERR Client sent AUTH, but no password is set", Kind::kDenied},
      {"ERR AUTH <password> called without any password configured", Kind::kDenied},
      {"MOVED 3999 127.0.0.1:6381", Kind::kCluster},
      {"ASK 3999 127.0.0.1:6381", Kind::kCluster},
      {"TRYAGAIN Multiple keys request during rehashing of slot", Kind::kCluster},
      {"CLUSTERDOWN Hash slot not served", Kind::kCluster},
      {"CROSSSLOT Keys in request don't hash to the same slot", Kind::kCluster},
      {"WRONGTYPE Operation against a key holding the wrong kind of value", Kind::kWrongType},
      {"ERR max number of clients reached", Kind::kTooManyClients},
      {"ERR syntax error", Kind::kOther},
      {"ERR unknown command 'x', with args beginning with: ", Kind::kOther},
      {"BUSYGROUP Consumer Group name already exists", Kind::kOther},
      {"LOADING", Kind::kLoading},
      {"LOADINGS", Kind::kOther},
      {"loading x", Kind::kOther},
      {"", Kind::kOther},
      {" OOM ", Kind::kOther},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    CHECK(redis_error_kind(row.text) == row.kind);
  }
}

TEST_CASE("AServerThatTakesNoWritesStillServesReads") {
  for (const Kind kind :
       {Kind::kOther, Kind::kWrongType, Kind::kFull, Kind::kReadOnly, Kind::kMisconfigured}) {
    CHECK(redis_serves_reads(kind));
  }
  for (const Kind kind : {Kind::kLoading, Kind::kBusy, Kind::kMasterDown, Kind::kTooManyClients,
                          Kind::kDenied, Kind::kCluster}) {
    CHECK_FALSE(redis_serves_reads(kind));
  }
}

TEST_CASE("OnlyAccessAndClusterArePermanent") {
  for (int i = 0; i <= static_cast<int>(Kind::kCluster); ++i) {
    const auto kind = static_cast<Kind>(i);
    const bool permanent = kind == Kind::kDenied || kind == Kind::kCluster;
    CHECK(redis_error_is_permanent(kind) == permanent);
    CHECK_FALSE(redis_error_name(kind).empty());
  }
}

TEST_CASE("AnErrorReplyBecomesAStatus") {
  CHECK(redis_error_status("MOVED 1 h:1").message() ==
        "Redis is part of a Cluster, which is not supported: MOVED 1 h:1");
  CHECK(redis_error_status("MOVED 1 h:1").cause() == Cause::kConfig);
  CHECK(redis_error_status("LOADING x").retryable());
  CHECK_FALSE(redis_error_status("WRONGPASS x").retryable());
  CHECK(redis_error_status("ERR a\r\nb\x1b").message() ==
        "Redis refused the command: ERR a\\r\\nb\\x1b");
  CHECK(redis_error_status("ERR " + std::string(10'000, 'x')).message().size() < 300);
}

TEST_CASE("NoStatusRepeatsTheArgumentsOfACommand") {
  const Status status =
      redis_error_status("ERR unknown command 'AUTH', with args beginning with: 's3cret' ");
  CHECK(status.message() == "Redis refused the command: ERR unknown command 'AUTH'");
}
