// SPDX-License-Identifier: Apache-2.0
// A small SQLite file in a folder of its own, gone with the object.
#pragma once

#include <string>
#include <string_view>

namespace tidegate::test {

// Never ends by itself, reads nothing, and keeps the virtual machine busy.
inline constexpr std::string_view kEndlessSql =
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";

class TempDatabase {
 public:
  // A table cars(id, make, price) with `rows` rows: 1, 'make 1', 1000; 2, 'make 2', 2000; …
  explicit TempDatabase(int rows = 100);
  ~TempDatabase();
  TempDatabase(const TempDatabase&) = delete;
  TempDatabase& operator=(const TempDatabase&) = delete;

  const std::string& path() const noexcept { return path_; }
  const std::string& folder() const noexcept { return folder_; }

  // Runs SQL on the file, aborting the test program where it fails.
  void execute(std::string_view sql) const;

  // Puts bytes in place of the file, as a new file or over the old one.
  void replace_with(std::string_view bytes) const;
  void overwrite_with(std::string_view bytes) const;

 private:
  std::string folder_;
  std::string path_;
};

}  // namespace tidegate::test
