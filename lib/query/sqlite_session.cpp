// SPDX-License-Identifier: Apache-2.0
#include "query/sqlite_session.hpp"

#include <sqlite3.h>
#include <sys/stat.h>

#include <algorithm>
#include <utility>

#include "query/sqlite_bind.hpp"
#include "query/sqlite_error.hpp"
#include "query/sqlite_fork.hpp"

namespace tidegate::internal {

namespace {

// The most instructions that one statement may compile to, and the deepest that its parts may nest.
constexpr int kMaxProgram = 25'000;
constexpr int kMaxDepth = 200;
constexpr int kMaxSqlBytes = 1'000'000;
constexpr Duration kLongestNap = std::chrono::milliseconds(20);

}  // namespace

void SqliteSession::FreeStatement::operator()(sqlite3_stmt* statement) const noexcept {
  sqlite3_finalize(statement);
}

void SqliteSession::ResetStatement::operator()(sqlite3_stmt* statement) const noexcept {
  sqlite3_reset(statement);
  sqlite3_clear_bindings(statement);
}

SqliteSession::~SqliteSession() {
  const InsideSqlite inside;
  close();
}

void SqliteSession::close() noexcept {
  prepared_.clear();
  sqlite3_close(std::exchange(connection_, nullptr));
  identity_.reset();
}

std::optional<SqliteSession::Identity> SqliteSession::identity_of(
    const std::string& path) noexcept {
  struct stat file;
  if (::stat(path.c_str(), &file) != 0) return std::nullopt;
  return Identity{file.st_dev, file.st_ino};
}

Status SqliteSession::open() {
  const InsideSqlite inside;
  return connect();
}

Status SqliteSession::connect() {
  const int mode = engine_.options().writable ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
                                              : SQLITE_OPEN_READONLY;
  const std::string doing = "cannot open '" + engine_.path() + "'";
  const int code =
      sqlite3_open_v2(engine_.path().c_str(), &connection_, mode | SQLITE_OPEN_NOMUTEX, nullptr);
  if (code != SQLITE_OK) {
    Status status = sqlite_status(code, doing, connection_);
    close();
    return status;
  }
  engine_.opens.add();
  identity_ = identity_of(engine_.path());
  harden();
  return Status();
}

void SqliteSession::harden() {
  sqlite3_extended_result_codes(connection_, 1);
  sqlite3_db_config(connection_, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(connection_, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  sqlite3_db_config(connection_, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, nullptr);
  const auto largest = std::min<std::size_t>(engine_.options().max_value_bytes, 1'000'000'000);
  sqlite3_limit(connection_, SQLITE_LIMIT_LENGTH, static_cast<int>(largest));
  sqlite3_limit(connection_, SQLITE_LIMIT_SQL_LENGTH, kMaxSqlBytes);
  sqlite3_limit(connection_, SQLITE_LIMIT_VDBE_OP, kMaxProgram);
  sqlite3_limit(connection_, SQLITE_LIMIT_EXPR_DEPTH, kMaxDepth);
  sqlite3_limit(connection_, SQLITE_LIMIT_ATTACHED, 0);
  sqlite3_progress_handler(connection_, kTickSteps, &SqliteSession::on_progress, this);
  sqlite3_busy_handler(connection_, &SqliteSession::on_busy, this);
}

Status SqliteSession::ensure_same_file() {
  if (connection_ && identity_ && identity_of(engine_.path()) == identity_) return Status();
  close();
  return connect();
}

Result<Rows> SqliteSession::query(const std::string& sql, const Params& params,
                                  const StopSignal& stop) {
  const InsideSqlite inside;
  const bool was_open = connection_ != nullptr;
  Result<Rows> rows = ask(sql, params, stop);
  if (rows.status().cause() != Cause::kQueryError || engine_.options().writable) return rows;
  // A file that is rewritten in place can leave a connection with the schema of a moment when it
  // was not whole, for good. So "no such table" is believed from a new connection only.
  if (was_open) {
    close();
    rows = ask(sql, params, stop);
  }
  broken_ = broken_ || rows.status().cause() == Cause::kQueryError;
  return rows;
}

Result<Rows> SqliteSession::ask(const std::string& sql, const Params& params,
                                const StopSignal& stop) {
  if (Status same = ensure_same_file(); !same.ok()) {
    broken_ = true;
    return same;
  }
  const Running running(*this, stop);
  return run(sql, params, stop);
}

void SqliteSession::begin(const StopSignal& stop) {
  stop_ = &stop;
  lock_deadline_ = stop.deadline().earlier(Deadline::after(engine_.options().busy_timeout));
  std::lock_guard lock(mutex_);
  running_ = true;
  interrupt_asked_ = false;
}

void SqliteSession::end() {
  stop_ = nullptr;
  std::lock_guard lock(mutex_);
  running_ = false;
}

Result<Rows> SqliteSession::run(const std::string& sql, const Params& params,
                                const StopSignal& stop) {
  auto statement = prepare(sql);
  if (!statement.ok()) return statement.status();
  // Also where there is no memory: a statement that stays half done would keep the connection busy,
  // and an interrupt that was meant for it would then stop every one after it.
  const std::unique_ptr<sqlite3_stmt, ResetStatement> used(*statement);
  const Status bound = bind_params(used.get(), params);
  if (!bound.ok()) return bound;
  return collect(used.get(), stop);
}

Result<sqlite3_stmt*> SqliteSession::prepare(const std::string& sql) {
  const auto known = std::ranges::find(prepared_, sql, &Prepared::sql);
  if (known != prepared_.end()) {
    prepared_.splice(prepared_.begin(), prepared_, known);
    return prepared_.front().statement.get();
  }
  sqlite3_stmt* raw = nullptr;
  const char* rest = nullptr;
  if (sql.size() > kMaxSqlBytes)
    return Status(Cause::kBadArgument, "the statement is longer than 1,000,000 bytes");
  const int code = sqlite3_prepare_v3(connection_, sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &raw, &rest);
  StatementPtr statement(raw);
  if (code != SQLITE_OK) return failed(code, "the statement cannot be prepared", stop_);
  if (!statement) return Status(Cause::kBadArgument, "the statement is empty");
  const std::string_view tail(rest, static_cast<std::size_t>(sql.data() + sql.size() - rest));
  if (tail.find_first_not_of(" \t\r\n;") != std::string_view::npos) {
    return Status(Cause::kBadArgument, "more than one statement; a call takes one");
  }
  if (!engine_.options().writable && !sqlite3_stmt_readonly(statement.get())) {
    return Status(Cause::kQueryError,
                  "the statement writes, and the database is open for reading only");
  }
  prepared_.push_front({sql, std::move(statement)});
  if (prepared_.size() > kStatements) prepared_.pop_back();
  return prepared_.front().statement.get();
}

Result<Rows> SqliteSession::collect(sqlite3_stmt* statement, const StopSignal& stop) {
  const SqliteOptions::Values& options = engine_.options();
  Rows::Builder rows(column_names(statement));
  for (;;) {
    const int code = sqlite3_step(statement);
    if (code == SQLITE_DONE) return std::move(rows).build();
    if (code != SQLITE_ROW) return failed(code, "the statement failed", &stop);
    append_row(statement, rows);
    if (rows.rows() > options.max_rows) {
      return Status(Cause::kTooLarge,
                    "the result has more than " + std::to_string(options.max_rows) + " rows");
    }
    if (rows.bytes() > options.max_bytes) {
      return Status(Cause::kTooLarge,
                    "the result is larger than " + std::to_string(options.max_bytes) + " bytes");
    }
  }
}

Status SqliteSession::failed(int code, std::string_view doing, const StopSignal* stop) {
  if ((code & 0xff) == SQLITE_INTERRUPT || (stop && stop->stopped())) {
    return Status(Cause::kDeadline, "the statement was stopped at its deadline");
  }
  broken_ = broken_ || sqlite_breaks_connection(code);
  return sqlite_status(code, doing, connection_);
}

void SqliteSession::interrupt() noexcept {
  {
    std::lock_guard lock(mutex_);
    interrupt_asked_ = true;
    if (running_) sqlite3_interrupt(connection_);
  }
  interrupted_.notify_one();
}

int SqliteSession::on_progress(void* raw) {
  auto* self = static_cast<SqliteSession*>(raw);
  self->engine_.ticks.add();
  InsideSqlite::step_aside();
  return self->stop_ && self->stop_->stopped() ? 1 : 0;
}

// Waits for a lock in short naps that interrupt() ends, for as long as the query may wait.
int SqliteSession::on_busy(void* raw, int attempts) {
  auto* self = static_cast<SqliteSession*>(raw);
  if (self->lock_deadline_.passed() || (self->stop_ && self->stop_->stopped())) return 0;
  InsideSqlite::step_aside();
  const Duration nap =
      std::min<Duration>(std::chrono::milliseconds(1 << std::min(attempts, 5)), kLongestNap);
  std::unique_lock lock(self->mutex_);
  self->interrupted_.wait_until(lock, self->lock_deadline_.earlier(Deadline::after(nap)).time(),
                                [self] { return self->interrupt_asked_; });
  return self->interrupt_asked_ ? 0 : 1;
}

}  // namespace tidegate::internal
