// SPDX-License-Identifier: Apache-2.0
//
// SqliteSession: one connection and its prepared statements.
//
// A statement stops within kTickSteps of SQLite's virtual machine once nobody waits for it: the
// progress handler asks, and interrupt() ends waiting for a lock. sqlite3_interrupt alone is not
// enough: issued before the first step it is lost, and it means the connection rather than the
// statement.
//
// The file may be replaced, deleted or broken while the session lives. Each query compares the
// file's identity first and reopens where it changed, so that an answer never comes from a file
// that is gone.
#pragma once

#include <sys/types.h>

#include <condition_variable>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "query/sqlite_engine.hpp"
#include "tidegate/deadline.hpp"

struct sqlite3;
struct sqlite3_stmt;

namespace tidegate::internal {

class SqliteSession final : public QuerySession {
 public:
  static constexpr int kTickSteps = 1000;
  static constexpr std::size_t kStatements =
      32;  // prepared ones kept, least recently used first out

  explicit SqliteSession(SqliteEngine& engine) noexcept : engine_(engine) {}
  ~SqliteSession() override;

  Status open();

  Result<Rows> query(const std::string& sql, const Params& params, const StopSignal& stop) override;
  void interrupt() noexcept override;
  bool broken() const noexcept override { return broken_; }

 private:
  struct FreeStatement {
    void operator()(sqlite3_stmt* statement) const noexcept;
  };
  using StatementPtr = std::unique_ptr<sqlite3_stmt, FreeStatement>;
  struct ResetStatement {
    void operator()(sqlite3_stmt* statement) const noexcept;
  };
  // While it lives, a statement may be interrupted.
  struct Running {
    Running(SqliteSession& of, const StopSignal& stop) : session(of) { session.begin(stop); }
    Running(const Running&) = delete;
    Running& operator=(const Running&) = delete;
    ~Running() { session.end(); }
    SqliteSession& session;
  };
  struct Prepared {
    std::string sql;
    StatementPtr statement;
  };
  struct Identity {
    dev_t device;
    ino_t inode;
    bool operator==(const Identity&) const = default;
  };

  static std::optional<Identity> identity_of(const std::string& path) noexcept;
  Status connect();
  Status ensure_same_file();
  void harden();
  void close() noexcept;
  Result<Rows> ask(const std::string& sql, const Params& params, const StopSignal& stop);
  void begin(const StopSignal& stop);
  void end();
  Result<Rows> run(const std::string& sql, const Params& params, const StopSignal& stop);
  Result<sqlite3_stmt*> prepare(const std::string& sql);
  Result<Rows> collect(sqlite3_stmt* statement, const StopSignal& stop);
  Status failed(int code, std::string_view doing, const StopSignal* stop = nullptr);

  static int on_progress(void* self);
  static int on_busy(void* self, int attempts);

  SqliteEngine& engine_;
  sqlite3* connection_ = nullptr;
  std::list<Prepared> prepared_;  // most recently used first
  std::optional<Identity> identity_;
  bool broken_ = false;

  const StopSignal* stop_ =
      nullptr;  // of the query that runs; the two handlers read it on the same thread
  Deadline lock_deadline_;
  std::mutex mutex_;
  std::condition_variable interrupted_;
  bool interrupt_asked_ = false;  // guarded by mutex_
  bool running_ =
      false;  // guarded by mutex_; the connection is opened and closed only while it is false
};

}  // namespace tidegate::internal
