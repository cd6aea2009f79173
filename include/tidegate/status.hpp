// SPDX-License-Identifier: Apache-2.0
//
// Status and Result<T>: how tidegate says that something did not work.
//
// Every verb that can fail for a reason outside the program answers with a Status or a Result.
// Exceptions are left for programming errors and exhausted memory. A Status has two names for what
// went wrong:
//
//   code   what the caller can do about it: one of the canonical codes shared with gRPC and absl,
//          fixed for ever
//   cause  what happened, in the words of this library ("deadline", "queue_full", "engine_busy")
//
// and one sentence with the numbers that explain it. The table that ties cause, code and the Python
// exception together is causes(); docs/reference/errors.md is tested against it.
//
//   auto cars = operation.wait();
//   if (!cars.ok()) std::cerr << cars.status().to_string() << '\n';
//
// Thread-safety: a Status is immutable and may be copied and read from any thread. Cost: an OK
// status is one null pointer; a failure is one shared allocation.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace tidegate {

// Canonical codes; the numbers are those of gRPC and absl and never change.
enum class Code : std::int32_t {
  kOk = 0,
  kCancelled = 1,
  kUnknown = 2,
  kInvalidArgument = 3,
  kDeadlineExceeded = 4,
  kNotFound = 5,
  kAlreadyExists = 6,
  kPermissionDenied = 7,
  kResourceExhausted = 8,
  kFailedPrecondition = 9,
  kAborted = 10,
  kOutOfRange = 11,
  kUnimplemented = 12,
  kInternal = 13,
  kUnavailable = 14,
  kDataLoss = 15,
  kUnauthenticated = 16,
};

// What happened. One row each in causes(); append only, the numbers are part of the C ABI.
enum class Cause : std::int32_t {
  kNone = 0,
  kCancelled = 1,
  kClosed = 2,
  kDeadline = 3,
  kNotReady = 4,
  kQueueFull = 5,
  kAdmission = 6,
  kSaturated = 7,
  kBadArgument = 8,
  kConfig = 9,
  kQueryError = 10,
  kEngineBusy = 11,
  kEngineCorrupt = 12,
  kEngineUnavailable = 13,
  kTooLarge = 14,
  kCallableFailed = 15,
  kDecode = 16,
  kLocalResource = 17,
  kNoMemory = 18,
  kInternal = 19,
  kDns = 20,
  kConnect = 21,
  kTls = 22,
  kConnectionLost = 23,
  kProtocol = 24,
  kConnectTimeout = 25,
  kAttemptTimeout = 26,
  kReadTimeout = 27,
  kPoolTimeout = 28,
  kRedirect = 29,
  kBlockedAddress = 30,
  kHttpStatus = 31,
  kProxy = 32,
  kProxyAuth = 33,
  kRateLimited = 34,
  kCircuitOpen = 35,
};

// One row of the cause table.
struct CauseInfo {
  Cause cause;
  std::string_view name;       // "queue_full"
  Code code;                   // the canonical code of a Status with this cause
  std::string_view exception;  // the Python exception, below tidegate.Error
  bool retryable;              // trying the same again later can help
  bool local;                  // a fault of this process: never counted against a remote service
  std::string_view meaning;    // one sentence
};

inline constexpr Cause kLastCause = Cause::kCircuitOpen;

// The whole table, in the order of Cause. Static.
std::span<const CauseInfo> causes() noexcept;

// The row of one cause; a value outside the enumeration gives the row of kInternal.
const CauseInfo& cause_info(Cause cause) noexcept;

// "DEADLINE_EXCEEDED" and so on; "UNKNOWN" for a number outside the enumeration.
std::string_view code_name(Code code) noexcept;

// The outcome of something that yields no value. Default-constructed it is OK.
class [[nodiscard]] Status {
 public:
  Status() noexcept = default;

  // A failure. The code follows from the cause. `message` is one line without a trailing period and
  // holds no secret. Never throws: where memory is short it degrades to a preallocated kNoMemory
  // status.
  Status(Cause cause, std::string_view message) noexcept;

  bool ok() const noexcept { return detail_ == nullptr; }
  explicit operator bool() const noexcept { return ok(); }

  Code code() const noexcept;
  Cause cause() const noexcept;

  // Empty when OK. Valid as long as a copy of this status lives.
  std::string_view message() const noexcept;

  bool retryable() const noexcept { return !ok() && cause_info(cause()).retryable; }

  // From submission to the outcome; zero where nothing was submitted.
  std::chrono::nanoseconds elapsed() const noexcept;
  // How often it was tried, the first time included; zero where it was refused before the first.
  int attempts() const noexcept;

  // From the failure, when the same may succeed; nothing where that is not known.
  std::optional<std::chrono::nanoseconds> retry_after() const noexcept;

  // The same failure with the time that it took. OK stays OK.
  Status with_elapsed(std::chrono::nanoseconds elapsed) const noexcept;
  Status with_attempts(int attempts) const noexcept;
  Status with_retry_after(std::chrono::nanoseconds time) const noexcept;

  // A line for each attempt, where there was more than one: "attempt 1 of 4: connect after 1.2 ms,
  // then a pause of 80 ms". Valid as long as a copy of this status lives.
  std::span<const std::string> history() const noexcept;
  Status with_history(std::vector<std::string> lines) const noexcept;

  // What a language binding knows of the failure beyond this, such as an exception object. Null for
  // none; null is also what it takes to let go of it.
  std::shared_ptr<const void> origin() const noexcept;
  Status with_origin(std::shared_ptr<const void> origin) const noexcept;

  // "DEADLINE_EXCEEDED (deadline): query 'newest' was given up after 15.0 s, 0.2 s of them queued",
  // or "OK".
  std::string to_string() const;

 private:
  struct Detail;
  explicit Status(std::shared_ptr<const Detail> detail) noexcept : detail_(std::move(detail)) {}
  template <class Change>
  Status changed(Change change) const noexcept;
  std::shared_ptr<const Detail> detail_;
};

// A value, or the Status that says why there is none. Never holds an OK status.
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value)
      : state_(std::in_place_index<1>, std::move(value)) {}  // NOLINT(google-explicit-constructor)
  Result(Status status)                                      // NOLINT(google-explicit-constructor)
      : state_(std::in_place_index<0>, std::move(status)) {
    if (std::get<0>(state_).ok()) {
      state_.template emplace<0>(Cause::kInternal,
                                 "a result was made of an OK status and no value");
    }
  }

  bool ok() const noexcept { return state_.index() == 1; }
  explicit operator bool() const noexcept { return ok(); }

  // OK where there is a value.
  Status status() const noexcept { return ok() ? Status() : std::get<0>(state_); }

  // REQUIRES: ok(). Throws std::bad_variant_access otherwise, which is a programming error.
  const T& value() const& { return std::get<1>(state_); }
  T& value() & { return std::get<1>(state_); }
  T&& value() && { return std::get<1>(std::move(state_)); }

  const T& operator*() const& { return value(); }
  T& operator*() & { return value(); }
  const T* operator->() const { return &value(); }
  T* operator->() { return &value(); }

  T value_or(T other) const& { return ok() ? value() : std::move(other); }

 private:
  std::variant<Status, T> state_;
};

}  // namespace tidegate
