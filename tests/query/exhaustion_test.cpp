// SPDX-License-Identifier: Apache-2.0
// [E1] [E2] [E5]: a process that has run out of something says so, and is not mistaken for its backend.
// Not built with a sanitizer, whose runtime opens files itself and reserves terabytes of addresses.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <vector>

#include "support/child.hpp"
#include "support/database.hpp"
#include "tidegate/query.hpp"
#include "tidegate/queue.hpp"

using namespace tidegate;
using test::TempDatabase;

namespace {

// Opens descriptors until there are none left.
std::vector<int> use_up_descriptors() {
  const rlimit few{64, 64};
  ::setrlimit(RLIMIT_NOFILE, &few);
  std::vector<int> taken;
  for (int fd; (fd = ::open("/dev/null", O_RDONLY)) >= 0;) taken.push_back(fd);
  return taken;
}

// No file may become longer than this; what the rest of a disk is to a database. kAll gives it back.
constexpr rlim_t kAll = RLIM_INFINITY;
void leave_disk(rlim_t bytes) {
  ::signal(SIGXFSZ, SIG_IGN);
  const rlimit most{bytes, kAll};
  ::setrlimit(RLIMIT_FSIZE, &most);
}

}  // namespace

TEST_CASE("WithoutDescriptorsAQueryIsALocalFaultAndComesBack") {
  TempDatabase file;
  const int code = test::in_child([&] {
    Executor ex;
    auto db = ex.sqlite(file.path());
    CompletionQueue queue;
    const auto taken = use_up_descriptors();
    if (db.query("SELECT 1 FROM cars").start().wait().status().cause() != Cause::kLocalResource)
      return 1;
    if (queue.open().status().cause() != Cause::kLocalResource) return 2;
    for (const int fd : taken) ::close(fd);
    if (!db.query("SELECT 1 FROM cars").start().wait().ok()) return 3;
    return queue.fd() >= 0 ? 0 : 4;
  });
  CHECK(code == 0);
}

// In a process of its own: one that has had threads before keeps their stacks for the next.
TEST_CASE("ProgramWithoutAddressesForAThread" * doctest::skip()) {
  Executor ex;
  auto lane = ex.callables("no-thread");
  long pages = 0;
  std::FILE* statm = std::fopen("/proc/self/statm", "r");
  if (!statm || std::fscanf(statm, "%ld", &pages) != 1) std::_Exit(1);
  std::fclose(statm);
  rlimit before{};
  ::getrlimit(RLIMIT_AS, &before);
  rlimit tight = before;
  tight.rlim_cur = static_cast<rlim_t>(pages) * 4096 + 512 * 1024;
  ::setrlimit(RLIMIT_AS, &tight);
  const auto refused = lane.call([] {}).start().wait();
  ::setrlimit(RLIMIT_AS, &before);
  if (refused.status().cause() != Cause::kLocalResource) std::_Exit(2);
  std::_Exit(lane.call([] {}).start().wait().ok() ? 0 : 3);
}

TEST_CASE("WithoutAThreadACallEndsAtOnceAndSaysWhy") {
  CHECK(test::run_program("ProgramWithoutAddressesForAThread") == 0);
}

TEST_CASE("WithoutDiskAWriterIsALocalFaultReadersWorkAndItComesBack") {
  TempDatabase file;
  const int code = test::in_child([&] {
    Executor ex;
    auto writer = ex.sqlite(file.path(), SqliteOptions().writable().name("writer"));
    auto reader = ex.sqlite(file.path(), SqliteOptions().name("reader"));
    const auto write = [&] {
      return writer.query("UPDATE cars SET make = hex(zeroblob(10000))").start().wait().status();
    };
    const auto read = [&] {
      return reader.query("SELECT id FROM cars WHERE make LIKE 'make %'").start().wait();
    };
    leave_disk(std::filesystem::file_size(file.path()));
    if (write().cause() != Cause::kLocalResource) return 1;
    const auto rows = read();
    if (!rows.ok() || rows->value.size() != 100) return 2;
    leave_disk(kAll);
    return write().ok() && read().ok() ? 0 : 3;
  });
  CHECK(code == 0);
}

TEST_CASE("WithoutDiskAQueryThatSortsOnItIsALocalFaultAndComesBack") {
  TempDatabase file;
  const int code = test::in_child([&] {
    Executor ex;
    auto db = ex.sqlite(file.path());
    const auto sort = [&] {
      return db
          .query(
              "SELECT hex(zeroblob(500 + a.id)) AS x FROM cars a, cars b, cars c WHERE c.id < 3 "
              "ORDER BY x DESC LIMIT 1 OFFSET 19000")
          .start()
          .wait()
          .status();
    };
    leave_disk(64 * 1024);
    if (sort().cause() != Cause::kLocalResource) return 1;
    if (!db.query("SELECT 1 FROM cars").start().wait().ok()) return 2;
    leave_disk(kAll);
    return sort().ok() ? 0 : 3;
  });
  CHECK(code == 0);
}
