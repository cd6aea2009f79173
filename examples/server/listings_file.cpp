// SPDX-License-Identifier: Apache-2.0
#include "listings_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <filesystem>
#include <iostream>
#include <system_error>
#include <utility>

#include "csv_file.hpp"
#include "descriptor.hpp"
#include "schema.hpp"
#include "tidegate/query.hpp"

namespace server {

using namespace std::chrono_literals;
using tidegate::Cause;
using tidegate::Database;
using tidegate::Duration;
using tidegate::Executor;
using tidegate::Params;
using tidegate::Result;
using tidegate::Rows;
using tidegate::SqliteOptions;
using tidegate::Status;

namespace {

constexpr std::size_t kBatch = 4000;

Status failed(const std::string& doing, const std::string& path) {
  const std::string why = std::generic_category().message(errno);
  return Status(Cause::kLocalResource, "cannot " + doing + " '" + path + "': " + why);
}

Result<Rows> run(const Database& database, const std::string& sql, Params params = {}) {
  auto answer = database.query(sql, std::move(params)).timeout(60s).start().wait();
  if (!answer.ok()) return answer.status();
  return std::move(answer->value);
}

enum class Found { kGood, kBuild, kBroken, kRefused };

struct Verdict {
  Found found;
  std::string why;
};

Verdict unreadable(const Status& status) {
  const std::string why = "cannot be read: " + std::string(status.message());
  switch (status.cause()) {
    // Whoever holds the lock will let go of it; the queries wait, each to its deadline.
    case Cause::kEngineBusy: return {Found::kGood, "is locked"};
    case Cause::kEngineCorrupt: return {Found::kBroken, why};
    default: return {Found::kRefused, why};
  }
}

Verdict inspect(const ListingsFile& file, const Result<std::string>& origin) {
  if (!std::filesystem::exists(file.database)) return {Found::kBuild, "is not there yet"};
  if (!std::filesystem::is_regular_file(file.database)) return {Found::kRefused, "is no file"};
  if (std::filesystem::is_empty(file.database)) return {Found::kBroken, "is empty"};
  Executor executor;
  // Writable, so that SQLite may take back what a writer that crashed has left half done.
  const Database database =
      executor.sqlite(file.database, SqliteOptions().writable().concurrency(1).name("check"));

  const auto marks = run(database, "SELECT * FROM pragma_application_id, pragma_user_version");
  if (!marks.ok()) return unreadable(marks.status());
  if ((*marks)[0][0].integer() != kApplication) return {Found::kRefused, "is another program's"};
  if ((*marks)[0][1].integer() != kFormat) return {Found::kBuild, "is of another edition"};

  const auto damage = run(database, "PRAGMA quick_check(1)");
  if (!damage.ok()) return unreadable(damage.status());
  if ((*damage)[0][0].text() != "ok") return {Found::kBroken, std::string((*damage)[0][0].text())};

  const auto made_of = run(database, "SELECT data FROM origin");
  if (!made_of.ok() || made_of->empty()) return {Found::kBuild, "does not tell its origin"};
  if (origin.ok() && (*made_of)[0][0].text() != *origin) return {Found::kBuild, "is of other data"};
  return {Found::kGood, {}};
}

Status fill(const std::string& path, const ListingsFile& file, const std::string& origin) {
  Executor executor;
  const Database database =
      executor.sqlite(path, SqliteOptions().writable().concurrency(1).name("build"));
  for (const std::string& sql : kCreate) {
    if (const auto done = run(database, sql); !done.ok()) return done.status();
  }
  auto csv = CsvFile::open(file.data, kColumns);
  if (!csv.ok()) return csv.status();
  for (int told = 0;;) {
    auto batch = csv->next(kBatch);
    if (!batch.ok()) return batch.status();
    if (*batch == "[]") break;
    const auto done = run(database, kInsert, Params().set("batch", std::move(batch).value()));
    if (!done.ok()) return done.status();
    if (file.stopping(0s)) return Status(Cause::kCancelled, "asked to end");
    if (csv->percent() < told + 10) continue;
    told = csv->percent();
    std::cerr << "  " << told << " %\n";
  }
  const auto named = run(database, kNameOrigin, Params().set("origin", origin));
  if (!named.ok()) return named.status();
  std::cerr << "  indexes and medians\n";
  for (const std::string& sql : kFinish) {
    if (const auto done = run(database, sql); !done.ok()) return done.status();
    if (file.stopping(0s)) return Status(Cause::kCancelled, "asked to end");
  }
  return Status();
}

Status sync(const std::string& path) {
  const Descriptor descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (descriptor.get() < 0 || ::fsync(descriptor.get()) != 0) return failed("write", path);
  return Status();
}

Status build(const ListingsFile& file, const std::string& origin) {
  const std::string draft = file.database + ".building";
  std::error_code ignored;
  std::filesystem::remove(draft, ignored);
  std::cerr << "building '" << file.database << "' from '" << file.data << "'\n";
  Status status = fill(draft, file, origin);
  if (status.ok()) status = sync(draft);
  if (!status.ok()) {
    std::filesystem::remove(draft, ignored);
    return Status(status.cause(),
                  "cannot build '" + file.database + "': " + std::string(status.message()));
  }
  // A journal of the old file would be played back into the new one.
  for (const char* rest : {"-journal", "-wal", "-shm"}) {
    std::filesystem::remove(file.database + rest, ignored);
  }
  if (::rename(draft.c_str(), file.database.c_str()) != 0) return failed("rename", draft);
  return sync(std::filesystem::absolute(file.database).parent_path().string());
}

// The lock goes with the descriptor, also when the program crashes.
Result<Descriptor> lock(const ListingsFile& file) {
  const std::string path = file.database + ".lock";
  Descriptor descriptor(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  if (descriptor.get() < 0) return failed("open", path);
  for (bool told = false; ::flock(descriptor.get(), LOCK_EX | LOCK_NB) != 0; told = true) {
    if (errno != EWOULDBLOCK && errno != EINTR) return failed("lock", path);
    if (!told) std::cerr << "another server is preparing '" << file.database << "'; waiting\n";
    if (file.stopping(100ms)) return Status(Cause::kCancelled, "asked to end");
  }
  return descriptor;
}

}  // namespace

Status prepare(const ListingsFile& file) try {
  std::filesystem::create_directories(std::filesystem::absolute(file.database).parent_path());
  const auto locked = lock(file);
  if (!locked.ok()) return locked.status();
  const Result<std::string> origin = fingerprint(file.data);
  const Verdict verdict = inspect(file, origin);
  if (verdict.found == Found::kRefused) {
    return Status(Cause::kConfig,
                  "'" + file.database + "' " + verdict.why + "; name another file with --database");
  }
  if (!verdict.why.empty()) std::cerr << "'" << file.database << "' " << verdict.why << "\n";
  if (verdict.found == Found::kGood) return Status();
  if (!origin.ok()) {
    return Status(Cause::kConfig,
                  std::string(origin.status().message()) + "; name the data file with --data");
  }
  if (verdict.found == Found::kBroken) {
    std::filesystem::rename(file.database, file.database + ".broken");
    std::cerr << "it was put aside as '" << file.database << ".broken'\n";
  }
  return build(file, *origin);
} catch (const std::filesystem::filesystem_error& error) {
  return Status(Cause::kLocalResource, error.what());
}

}  // namespace server
