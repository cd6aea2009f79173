// SPDX-License-Identifier: Apache-2.0
#include "query/sqlite_error.hpp"

#include <sqlite3.h>

#include <cerrno>
#include <cstring>
#include <string>

namespace tidegate::internal {

namespace {

Cause cause_of(int code) noexcept {
  switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return Cause::kEngineBusy;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return Cause::kEngineCorrupt;
    case SQLITE_CANTOPEN:
    case SQLITE_IOERR:
    case SQLITE_PERM:
    case SQLITE_AUTH:
    case SQLITE_PROTOCOL:
    case SQLITE_FULL: return Cause::kEngineUnavailable;
    case SQLITE_NOMEM: return Cause::kNoMemory;
    case SQLITE_TOOBIG: return Cause::kTooLarge;
    case SQLITE_RANGE:
    case SQLITE_MISMATCH: return Cause::kBadArgument;
    case SQLITE_MISUSE:
    case SQLITE_INTERNAL: return Cause::kInternal;
    default: return Cause::kQueryError;
  }
}

}  // namespace

Status sqlite_status(int code, std::string_view doing, sqlite3* connection) {
  std::string sentence(doing);
  sentence.append(": ").append(connection ? sqlite3_errmsg(connection) : sqlite3_errstr(code));
  const int system = connection ? sqlite3_system_errno(connection) : 0;
  if ((code & 0xff) == SQLITE_CANTOPEN && (system == EMFILE || system == ENFILE)) {
    return Status(Cause::kLocalResource, sentence.append(": ").append(std::strerror(system)));
  }
  return Status(cause_of(code), sentence);
}

bool sqlite_breaks_connection(int code) noexcept {
  const Cause cause = cause_of(code);
  return cause == Cause::kEngineCorrupt || cause == Cause::kEngineUnavailable ||
         cause == Cause::kInternal;
}

}  // namespace tidegate::internal
