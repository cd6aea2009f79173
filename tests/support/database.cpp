// SPDX-License-Identifier: Apache-2.0
#include "support/database.hpp"

#include <sqlite3.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace tidegate::test {

namespace {

std::string make_folder() {
  std::string pattern = (std::filesystem::temp_directory_path() / "tidegate-test-XXXXXX").string();
  if (!::mkdtemp(pattern.data())) std::abort();
  return pattern;
}

}  // namespace

TempDatabase::TempDatabase(int rows) : folder_(make_folder()), path_(folder_ + "/cars.db") {
  execute("CREATE TABLE cars(id INTEGER PRIMARY KEY, make TEXT, price INTEGER)");
  execute("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < " +
          std::to_string(rows) + ") INSERT INTO cars SELECT i, 'make ' || i, i * 1000 FROM n");
}

TempDatabase::~TempDatabase() {
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

void TempDatabase::execute(std::string_view sql) const {
  sqlite3* connection = nullptr;
  char* message = nullptr;
  if (sqlite3_open(path_.c_str(), &connection) != SQLITE_OK ||
      sqlite3_exec(connection, std::string(sql).c_str(), nullptr, nullptr, &message) != SQLITE_OK) {
    std::fprintf(stderr, "%s\n", message ? message : "cannot open");
    std::abort();
  }
  sqlite3_close(connection);
}

void TempDatabase::replace_with(std::string_view bytes) const {
  const std::string fresh = path_ + ".new";
  std::ofstream(fresh, std::ios::binary) << bytes;
  std::filesystem::rename(fresh, path_);
}

void TempDatabase::overwrite_with(std::string_view bytes) const {
  std::ofstream(path_, std::ios::binary | std::ios::in | std::ios::out | std::ios::trunc) << bytes;
}

}  // namespace tidegate::test
