// SPDX-License-Identifier: Apache-2.0

#include "tidegate/status.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <set>
#include <stdexcept>
#include <string>

using namespace tidegate;
using namespace std::chrono_literals;

TEST_CASE("ADefaultStatusIsOkAndSaysSo") {
  const Status status;
  CHECK(status.ok());
  CHECK(static_cast<bool>(status));
  CHECK(status.code() == Code::kOk);
  CHECK(status.cause() == Cause::kNone);
  CHECK(status.message().empty());
  CHECK_FALSE(status.retryable());
  CHECK(status.to_string() == "OK");
}

TEST_CASE("AStatusKeepsItsCauseAndTheCodeFollowsFromIt") {
  for (const CauseInfo& info : causes()) {
    if (info.cause == Cause::kNone) continue;
    CAPTURE(info.name);
    const Status status(info.cause, "message");
    CHECK_FALSE(status.ok());
    CHECK(status.cause() == info.cause);
    CHECK(status.code() == info.code);
    CHECK(status.retryable() == info.retryable);
    CHECK(status.message() == "message");
    CHECK(status.to_string() ==
          std::string(code_name(info.code)) + " (" + std::string(info.name) + "): message");
  }
}

TEST_CASE("EveryCauseHasOneRowWithAUniqueNameAndAnException") {
  std::set<std::string_view> names;
  for (const CauseInfo& info : causes()) {
    CAPTURE(info.name);
    CHECK(&cause_info(info.cause) == &info);
    CHECK(names.insert(info.name).second);
    CHECK(info.exception.empty() == (info.cause == Cause::kNone));
    CHECK(info.meaning.ends_with("."));
  }
}

TEST_CASE("CodeAndExceptionOfEachCauseAreFixed") {
  struct Row {
    Cause cause;
    Code code;
    std::string_view exception;
    bool retryable;
    bool local;
  };
  const Row rows[] = {
      {Cause::kCancelled, Code::kCancelled, "Cancelled", false, true},
      {Cause::kClosed, Code::kFailedPrecondition, "Closed", false, true},
      {Cause::kDeadline, Code::kDeadlineExceeded, "Timeout", true, false},
      {Cause::kNotReady, Code::kDeadlineExceeded, "NotReady", false, true},
      {Cause::kQueueFull, Code::kResourceExhausted, "Overloaded", true, true},
      {Cause::kAdmission, Code::kResourceExhausted, "Overloaded", true, true},
      {Cause::kSaturated, Code::kResourceExhausted, "Overloaded", true, true},
      {Cause::kBadArgument, Code::kInvalidArgument, "InvalidArgument", false, true},
      {Cause::kConfig, Code::kInvalidArgument, "ConfigError", false, true},
      {Cause::kQueryError, Code::kInvalidArgument, "QueryError", false, true},
      {Cause::kEngineBusy, Code::kUnavailable, "EngineBusy", true, false},
      {Cause::kEngineCorrupt, Code::kDataLoss, "EngineCorrupt", false, false},
      {Cause::kEngineUnavailable, Code::kUnavailable, "EngineUnavailable", true, false},
      {Cause::kTooLarge, Code::kOutOfRange, "TooLarge", false, false},
      {Cause::kCallableFailed, Code::kUnknown, "CallableFailed", false, false},
      {Cause::kDecode, Code::kInvalidArgument, "DecodeError", false, false},
      {Cause::kLocalResource, Code::kResourceExhausted, "LocalResourceError", false, true},
      {Cause::kNoMemory, Code::kResourceExhausted, "OutOfMemory", false, true},
      {Cause::kInternal, Code::kInternal, "InternalError", false, true},
      {Cause::kDns, Code::kUnavailable, "ConnectionFailed", true, false},
      {Cause::kConnect, Code::kUnavailable, "ConnectionFailed", true, false},
      {Cause::kTls, Code::kUnavailable, "TlsFailed", false, false},
      {Cause::kConnectionLost, Code::kUnavailable, "ConnectionFailed", true, false},
      {Cause::kProtocol, Code::kUnavailable, "ProtocolError", false, false},
      {Cause::kConnectTimeout, Code::kDeadlineExceeded, "Timeout", true, false},
      {Cause::kAttemptTimeout, Code::kDeadlineExceeded, "Timeout", true, false},
      {Cause::kReadTimeout, Code::kDeadlineExceeded, "Timeout", true, false},
      {Cause::kPoolTimeout, Code::kDeadlineExceeded, "PoolTimeout", true, true},
      {Cause::kRedirect, Code::kFailedPrecondition, "RedirectError", false, false},
      {Cause::kBlockedAddress, Code::kPermissionDenied, "BlockedAddress", false, true},
      {Cause::kHttpStatus, Code::kUnknown, "HTTPStatusError", false, false},
      {Cause::kProxy, Code::kUnavailable, "ProxyError", true, false},
      {Cause::kProxyAuth, Code::kUnauthenticated, "ProxyError", false, false},
      {Cause::kRateLimited, Code::kResourceExhausted, "RateLimited", true, true},
      {Cause::kCircuitOpen, Code::kUnavailable, "CircuitOpen", true, true},
  };
  CHECK(std::size(rows) + 1 == causes().size());
  for (const Row& row : rows) {
    const CauseInfo& info = cause_info(row.cause);
    CAPTURE(info.name);
    CHECK(info.code == row.code);
    CHECK(info.exception == row.exception);
    CHECK(info.retryable == row.retryable);
    CHECK(info.local == row.local);
  }
}

TEST_CASE("ANumberOutsideTheEnumerationIsAnInternalError") {
  for (int number : {-1, static_cast<int>(kLastCause) + 1, 1'000'000}) {
    CHECK(cause_info(static_cast<Cause>(number)).cause == Cause::kInternal);
    CHECK(code_name(static_cast<Code>(number)) == "UNKNOWN");
  }
  CHECK(code_name(Code::kUnauthenticated) == "UNAUTHENTICATED");
}

TEST_CASE("AFailureWithoutACauseIsAnInternalError") {
  CHECK(Status(Cause::kNone, "odd").cause() == Cause::kInternal);
}

TEST_CASE("ElapsedAttemptsAndRetryAfterAreAddedToACopy") {
  const Status plain(Cause::kDeadline, "late");
  const Status full = plain.with_elapsed(15s).with_attempts(3).with_retry_after(2s);
  CHECK(plain.elapsed() == 0s);
  CHECK(plain.attempts() == 0);
  CHECK_FALSE(plain.retry_after());
  CHECK(full.elapsed() == 15s);
  CHECK(full.attempts() == 3);
  CHECK(full.retry_after() == 2s);
  CHECK(full.message() == "late");
  CHECK(Status().with_elapsed(1s).with_attempts(1).with_retry_after(1s).ok());
  CHECK_FALSE(Status().retry_after());
}

TEST_CASE("AResultHoldsAValueOrAFailure") {
  const Result<int> good(7);
  CHECK(good.ok());
  CHECK(*good == 7);
  CHECK(good.status().ok());
  CHECK(good.value_or(9) == 7);

  const Result<int> bad(Status(Cause::kClosed, "closed"));
  CHECK_FALSE(bad.ok());
  CHECK(bad.status().cause() == Cause::kClosed);
  CHECK(bad.value_or(9) == 9);
  CHECK_THROWS_AS((void)bad.value(), std::bad_variant_access);
}

TEST_CASE("AResultMadeOfAnOkStatusIsAFailure") {
  const Result<int> result{Status()};
  CHECK_FALSE(result.ok());
  CHECK(result.status().cause() == Cause::kInternal);
}

TEST_CASE("AResultHoldsWhatCannotBeCopied") {
  Result<std::unique_ptr<int>> result(std::make_unique<int>(3));
  const std::unique_ptr<int> taken = std::move(result).value();
  CHECK(*taken == 3);
}

TEST_CASE("WhatABindingKnowsGoesWithTheStatusAndNeitherIntoOkNorIntoTheText") {
  const auto origin = std::make_shared<const int>(7);
  const Status status(Cause::kCallableFailed, "no such car");
  CHECK(status.origin() == nullptr);
  const Status known = status.with_origin(origin).with_elapsed(std::chrono::seconds(1));
  CHECK(known.origin().get() == origin.get());
  CHECK(known.to_string() == status.to_string());
  CHECK(known.with_origin(nullptr).origin() == nullptr);
  CHECK(Status().with_origin(origin).ok());
}
