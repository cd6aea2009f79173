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
    case SQLITE_READONLY: return Cause::kEngineUnavailable;
    case SQLITE_FULL: return Cause::kLocalResource;
    case SQLITE_NOMEM: return Cause::kNoMemory;
    case SQLITE_TOOBIG: return Cause::kTooLarge;
    case SQLITE_RANGE:
    case SQLITE_MISMATCH: return Cause::kBadArgument;
    case SQLITE_MISUSE:
    case SQLITE_INTERNAL: return Cause::kInternal;
    default: return Cause::kQueryError;
  }
}

// What this process, or the disk it writes to, has run out of; not the database's fault. 0 if it is
// something else.
int exhausted(int code, sqlite3* connection) noexcept {
  const int system = connection ? sqlite3_system_errno(connection) : 0;
  switch (code & 0xff) {
    case SQLITE_CANTOPEN: return system == EMFILE || system == ENFILE ? system : 0;
    case SQLITE_IOERR: return system == ENOSPC || system == EDQUOT || system == EFBIG ? system : 0;
    default: return 0;
  }
}

// SQLite calls this an "attempt to write a readonly database", also where the statement only reads.
bool needs_recovery(int code) noexcept {
  return code == SQLITE_READONLY_ROLLBACK || code == SQLITE_READONLY_RECOVERY;
}

const char* text_of(int code, sqlite3* connection) {
  if (needs_recovery(code)) {
    return "a writer left its last transaction half done, and the database cannot be read until a "
           "connection that may write has opened it";
  }
  return connection ? sqlite3_errmsg(connection) : sqlite3_errstr(code);
}

}  // namespace

Status sqlite_status(int code, std::string_view doing, sqlite3* connection) {
  std::string sentence(doing);
  sentence.append(": ").append(text_of(code, connection));
  if (const int system = exhausted(code, connection)) {
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
