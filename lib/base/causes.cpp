// SPDX-License-Identifier: Apache-2.0
//
// The one table of causes. Everything that names a failure (C++, C, Python and
// docs/reference/errors.md) is made of it or tested against it.

#include <cstddef>
#include <iterator>
#include <span>
#include <string_view>

#include "tidegate/status.hpp"

namespace tidegate {
namespace {

constexpr bool kRetryable = true;
constexpr bool kFinal = false;
constexpr bool kLocal = true;
constexpr bool kRemote = false;

constexpr CauseInfo kCauses[] = {
    {Cause::kNone, "none", Code::kOk, "", kFinal, kLocal, "Nothing went wrong."},
    {Cause::kCancelled, "cancelled", Code::kCancelled, "Cancelled", kFinal, kLocal,
     "The caller gave the operation up."},
    {Cause::kClosed, "closed", Code::kFailedPrecondition, "Closed", kFinal, kLocal,
     "The object, or the whole runtime, was closed before the operation could end."},
    {Cause::kDeadline, "deadline", Code::kDeadlineExceeded, "Timeout", kRetryable, kRemote,
     "The deadline passed first; the work was stopped."},
    {Cause::kNotReady, "not_ready", Code::kDeadlineExceeded, "NotReady", kFinal, kLocal,
     "Waiting ended, the operation goes on: wait for it again or cancel it."},
    {Cause::kQueueFull, "queue_full", Code::kResourceExhausted, "Overloaded", kRetryable, kLocal,
     "Refused at once: as many were waiting as the queue may hold."},
    {Cause::kAdmission, "admission", Code::kResourceExhausted, "Overloaded", kRetryable, kLocal,
     "Refused at once: it could not have run before its deadline."},
    {Cause::kSaturated, "saturated", Code::kResourceExhausted, "Overloaded", kRetryable, kLocal,
     "Refused at once: too many given-up calls still hold the backend."},
    {Cause::kBadArgument, "bad_argument", Code::kInvalidArgument, "InvalidArgument", kFinal, kLocal,
     "The call itself was wrong."},
    {Cause::kConfig, "config", Code::kInvalidArgument, "ConfigError", kFinal, kLocal,
     "A setting was unknown, of the wrong type or out of range."},
    {Cause::kQueryError, "query_error", Code::kInvalidArgument, "QueryError", kFinal, kLocal,
     "The engine refused the query: bad SQL, a missing parameter, a broken constraint."},
    {Cause::kEngineBusy, "engine_busy", Code::kUnavailable, "EngineBusy", kRetryable, kRemote,
     "The engine was locked or busy for longer than it may wait."},
    {Cause::kEngineCorrupt, "engine_corrupt", Code::kDataLoss, "EngineCorrupt", kFinal, kRemote,
     "The engine's data is damaged, or is not what it should be."},
    {Cause::kEngineUnavailable, "engine_unavailable", Code::kUnavailable, "EngineUnavailable",
     kRetryable, kRemote, "The engine could not be opened or reached."},
    {Cause::kTooLarge, "too_large", Code::kOutOfRange, "TooLarge", kFinal, kRemote,
     "The answer was larger than the limit; nothing of it was kept."},
    {Cause::kCallableFailed, "callable_failed", Code::kUnknown, "CallableFailed", kFinal, kRemote,
     "The caller's own function failed."},
    {Cause::kDecode, "decode", Code::kInvalidArgument, "DecodeError", kFinal, kRemote,
     "Data could not be read as what it should be."},
    {Cause::kLocalResource, "local_resource", Code::kResourceExhausted, "LocalResourceError",
     kFinal, kLocal, "This process ran out of descriptors, threads or disk."},
    {Cause::kNoMemory, "no_memory", Code::kResourceExhausted, "OutOfMemory", kFinal, kLocal,
     "This process ran out of memory."},
    {Cause::kInternal, "internal", Code::kInternal, "InternalError", kFinal, kLocal,
     "A bug in tidegate: please report it with the message."},
    {Cause::kDns, "dns", Code::kUnavailable, "ConnectionFailed", kRetryable, kRemote,
     "The host has no address, or none was found in time."},
    {Cause::kConnect, "connect", Code::kUnavailable, "ConnectionFailed", kRetryable, kRemote,
     "The server could not be reached, or took no connection."},
    {Cause::kTls, "tls", Code::kUnavailable, "TlsFailed", kFinal, kRemote,
     "No secure connection: the certificate is not to be trusted, or the handshake failed."},
    {Cause::kConnectionLost, "connection_lost", Code::kUnavailable, "ConnectionFailed", kRetryable,
     kRemote, "The connection ended before the whole answer had come."},
    {Cause::kProtocol, "protocol", Code::kUnavailable, "ProtocolError", kFinal, kRemote,
     "What the server sent is no valid HTTP."},
    {Cause::kConnectTimeout, "connect_timeout", Code::kDeadlineExceeded, "Timeout", kRetryable,
     kRemote, "No connection was there within the time to connect."},
    {Cause::kAttemptTimeout, "attempt_timeout", Code::kDeadlineExceeded, "Timeout", kRetryable,
     kRemote, "The head of the answer did not come within the time of one attempt."},
    {Cause::kReadTimeout, "read_timeout", Code::kDeadlineExceeded, "Timeout", kRetryable, kRemote,
     "The body of the answer stopped coming."},
    {Cause::kPoolTimeout, "pool_timeout", Code::kDeadlineExceeded, "PoolTimeout", kRetryable,
     kLocal, "No connection became free within the time to wait for one."},
    {Cause::kRedirect, "redirect", Code::kFailedPrecondition, "RedirectError", kFinal, kRemote,
     "The server sent the request to where it may not go, or on and on."},
    {Cause::kBlockedAddress, "blocked_address", Code::kPermissionDenied, "BlockedAddress", kFinal,
     kLocal, "The host has an address that requests may not go to."},
    {Cause::kHttpStatus, "http_status", Code::kUnknown, "HTTPStatusError", kFinal, kRemote,
     "The answer's status is none of success, and the caller asked for one."},
    {Cause::kProxy, "proxy", Code::kUnavailable, "ProxyError", kRetryable, kRemote,
     "The proxy could not be reached, or made no connection to the server."},
    {Cause::kProxyAuth, "proxy_auth", Code::kUnauthenticated, "ProxyError", kFinal, kRemote,
     "The proxy wants another user or password."},
    {Cause::kRateLimited, "rate_limited", Code::kResourceExhausted, "RateLimited", kRetryable,
     kLocal, "Refused at once: its turn would have come only after its deadline."},
    {Cause::kCircuitOpen, "circuit_open", Code::kUnavailable, "CircuitOpen", kRetryable, kLocal,
     "Refused at once: the service has failed, and is left alone for a while."},
};

constexpr std::size_t kCauseCount = std::size(kCauses);
static_assert(kCauseCount == static_cast<std::size_t>(kLastCause) + 1);

constexpr bool rows_are_in_order() {
  for (std::size_t i = 0; i < kCauseCount; ++i) {
    if (static_cast<std::size_t>(kCauses[i].cause) != i) return false;
  }
  return true;
}
static_assert(rows_are_in_order());

}  // namespace

std::span<const CauseInfo> causes() noexcept { return kCauses; }

const CauseInfo& cause_info(Cause cause) noexcept {
  const auto index = static_cast<std::size_t>(cause);  // a negative number becomes a huge one
  return kCauses[index < kCauseCount ? index : static_cast<std::size_t>(Cause::kInternal)];
}

std::string_view code_name(Code code) noexcept {
  constexpr std::string_view kNames[] = {
      "OK",
      "CANCELLED",
      "UNKNOWN",
      "INVALID_ARGUMENT",
      "DEADLINE_EXCEEDED",
      "NOT_FOUND",
      "ALREADY_EXISTS",
      "PERMISSION_DENIED",
      "RESOURCE_EXHAUSTED",
      "FAILED_PRECONDITION",
      "ABORTED",
      "OUT_OF_RANGE",
      "UNIMPLEMENTED",
      "INTERNAL",
      "UNAVAILABLE",
      "DATA_LOSS",
      "UNAUTHENTICATED",
  };
  static_assert(std::size(kNames) == static_cast<std::size_t>(Code::kUnauthenticated) + 1);
  const auto index = static_cast<std::size_t>(code);
  return index < std::size(kNames) ? kNames[index] : "UNKNOWN";
}

}  // namespace tidegate
