// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <string>

#include "guard.hpp"
#include "objects.hpp"
#include "tidegate/answer.hpp"

namespace tidegate::c {
namespace {

constexpr bool same(Code code, tidegate_status status) {
  return static_cast<tidegate_status>(code) == status;
}
constexpr bool same(Cause cause, tidegate_cause number) {
  return static_cast<tidegate_cause>(cause) == number;
}
constexpr bool same(Source source, tidegate_source number) {
  return static_cast<tidegate_source>(source) == number;
}

static_assert(same(Code::kOk, TIDEGATE_OK) && same(Code::kCancelled, TIDEGATE_CANCELLED) &&
              same(Code::kUnknown, TIDEGATE_UNKNOWN) &&
              same(Code::kInvalidArgument, TIDEGATE_INVALID_ARGUMENT) &&
              same(Code::kDeadlineExceeded, TIDEGATE_DEADLINE_EXCEEDED) &&
              same(Code::kNotFound, TIDEGATE_NOT_FOUND) &&
              same(Code::kAlreadyExists, TIDEGATE_ALREADY_EXISTS) &&
              same(Code::kPermissionDenied, TIDEGATE_PERMISSION_DENIED) &&
              same(Code::kResourceExhausted, TIDEGATE_RESOURCE_EXHAUSTED) &&
              same(Code::kFailedPrecondition, TIDEGATE_FAILED_PRECONDITION) &&
              same(Code::kAborted, TIDEGATE_ABORTED) &&
              same(Code::kOutOfRange, TIDEGATE_OUT_OF_RANGE) &&
              same(Code::kUnimplemented, TIDEGATE_UNIMPLEMENTED) &&
              same(Code::kInternal, TIDEGATE_INTERNAL) &&
              same(Code::kUnavailable, TIDEGATE_UNAVAILABLE) &&
              same(Code::kDataLoss, TIDEGATE_DATA_LOSS) &&
              same(Code::kUnauthenticated, TIDEGATE_UNAUTHENTICATED));

static_assert(same(Cause::kNone, TIDEGATE_CAUSE_NONE) &&
              same(Cause::kCancelled, TIDEGATE_CAUSE_CANCELLED) &&
              same(Cause::kClosed, TIDEGATE_CAUSE_CLOSED) &&
              same(Cause::kDeadline, TIDEGATE_CAUSE_DEADLINE) &&
              same(Cause::kNotReady, TIDEGATE_CAUSE_NOT_READY) &&
              same(Cause::kQueueFull, TIDEGATE_CAUSE_QUEUE_FULL) &&
              same(Cause::kAdmission, TIDEGATE_CAUSE_ADMISSION) &&
              same(Cause::kSaturated, TIDEGATE_CAUSE_SATURATED) &&
              same(Cause::kBadArgument, TIDEGATE_CAUSE_BAD_ARGUMENT) &&
              same(Cause::kConfig, TIDEGATE_CAUSE_CONFIG) &&
              same(Cause::kQueryError, TIDEGATE_CAUSE_QUERY_ERROR) &&
              same(Cause::kEngineBusy, TIDEGATE_CAUSE_ENGINE_BUSY) &&
              same(Cause::kEngineCorrupt, TIDEGATE_CAUSE_ENGINE_CORRUPT) &&
              same(Cause::kEngineUnavailable, TIDEGATE_CAUSE_ENGINE_UNAVAILABLE) &&
              same(Cause::kTooLarge, TIDEGATE_CAUSE_TOO_LARGE) &&
              same(Cause::kCallableFailed, TIDEGATE_CAUSE_CALLABLE_FAILED) &&
              same(Cause::kDecode, TIDEGATE_CAUSE_DECODE) &&
              same(Cause::kLocalResource, TIDEGATE_CAUSE_LOCAL_RESOURCE) &&
              same(Cause::kNoMemory, TIDEGATE_CAUSE_NO_MEMORY) &&
              same(Cause::kInternal, TIDEGATE_CAUSE_INTERNAL) &&
              same(Cause::kDns, TIDEGATE_CAUSE_DNS) &&
              same(Cause::kConnect, TIDEGATE_CAUSE_CONNECT) &&
              same(Cause::kTls, TIDEGATE_CAUSE_TLS) &&
              same(Cause::kConnectionLost, TIDEGATE_CAUSE_CONNECTION_LOST) &&
              same(Cause::kProtocol, TIDEGATE_CAUSE_PROTOCOL) &&
              same(Cause::kConnectTimeout, TIDEGATE_CAUSE_CONNECT_TIMEOUT) &&
              same(Cause::kAttemptTimeout, TIDEGATE_CAUSE_ATTEMPT_TIMEOUT) &&
              same(Cause::kReadTimeout, TIDEGATE_CAUSE_READ_TIMEOUT) &&
              same(Cause::kPoolTimeout, TIDEGATE_CAUSE_POOL_TIMEOUT) &&
              same(Cause::kRedirect, TIDEGATE_CAUSE_REDIRECT) &&
              same(Cause::kBlockedAddress, TIDEGATE_CAUSE_BLOCKED_ADDRESS) &&
              same(Cause::kHttpStatus, TIDEGATE_CAUSE_HTTP_STATUS) &&
              same(Cause::kProxy, TIDEGATE_CAUSE_PROXY) &&
              same(Cause::kProxyAuth, TIDEGATE_CAUSE_PROXY_AUTH) &&
              same(Cause::kRateLimited, TIDEGATE_CAUSE_RATE_LIMITED) &&
              same(kLastCause, TIDEGATE_CAUSE_CIRCUIT_OPEN));

static_assert(same(Source::kFresh, TIDEGATE_SOURCE_FRESH) &&
              same(Source::kCached, TIDEGATE_SOURCE_CACHED) &&
              same(Source::kStale, TIDEGATE_SOURCE_STALE) &&
              same(Source::kDefault, TIDEGATE_SOURCE_DEFAULT));

constexpr char kNoError[] = "what was asked for its error is no tidegate_error";

Cause cause_of(const tidegate_error* error) noexcept {
  if (!error) return Cause::kNone;
  const ErrorObject* object = peek(error);
  return object ? object->status.cause() : Cause::kBadArgument;
}

// The names in the library's tables are literals, which end in a NUL.
const char* name_of(Cause cause) noexcept { return cause_info(cause).name.data(); }

}  // namespace
}  // namespace tidegate::c

using namespace tidegate;     // NOLINT(google-build-using-namespace)
using namespace tidegate::c;  // NOLINT(google-build-using-namespace)

const char* tidegate_status_name(tidegate_status status) {
  return code_name(static_cast<Code>(status)).data();
}

const char* tidegate_cause_name(tidegate_cause cause) { return name_of(static_cast<Cause>(cause)); }

const char* tidegate_source_name(tidegate_source source) {
  if (source < TIDEGATE_SOURCE_FRESH || source > TIDEGATE_SOURCE_DEFAULT) return "unknown";
  return source_name(static_cast<Source>(source)).data();
}

tidegate_error* tidegate_error_create(tidegate_cause cause, const char* message) {
  return guard_value<tidegate_error*>(nullptr, [&] {
    const Cause known = cause_info(static_cast<Cause>(cause)).cause;
    return add<tidegate_error>(
        std::make_unique<ErrorObject>(Status(known, message ? message : "")));
  });
}

tidegate_status tidegate_error_code(const tidegate_error* error) {
  return static_cast<tidegate_status>(cause_info(cause_of(error)).code);
}

tidegate_cause tidegate_error_cause(const tidegate_error* error) {
  return static_cast<tidegate_cause>(cause_of(error));
}

const char* tidegate_error_name(const tidegate_error* error) { return name_of(cause_of(error)); }

const char* tidegate_error_message(const tidegate_error* error) {
  const ErrorObject* object = peek(error);
  if (object) return object->message.c_str();
  return error ? kNoError : "";
}

int64_t tidegate_error_elapsed_ms(const tidegate_error* error) {
  const ErrorObject* object = peek(error);
  return object ? to_ms(object->status.elapsed()) : 0;
}

int32_t tidegate_error_attempts(const tidegate_error* error) {
  const ErrorObject* object = peek(error);
  return object ? object->status.attempts() : 0;
}

int64_t tidegate_error_retry_after_ms(const tidegate_error* error) {
  const ErrorObject* object = peek(error);
  if (!object) return -1;
  const auto known = object->status.retry_after();
  // Up: who comes back after it must not be too early.
  return known ? std::chrono::ceil<std::chrono::milliseconds>(*known).count() : -1;
}

size_t tidegate_error_history(const tidegate_error* error) {
  const ErrorObject* object = peek(error);
  return object ? object->status.history().size() : 0;
}

const char* tidegate_error_history_line(const tidegate_error* error, size_t index) {
  const ErrorObject* object = peek(error);
  if (!object || index >= object->status.history().size()) return "";
  return object->status.history()[index].c_str();
}

int tidegate_error_retryable(const tidegate_error* error) {
  const ErrorObject* object = peek(error);
  return object && object->status.retryable() ? 1 : 0;
}

void tidegate_error_free(tidegate_error* error) { give_back(error); }
