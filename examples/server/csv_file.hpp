// SPDX-License-Identifier: Apache-2.0
//
// CsvFile: the data file (gzip, a header line, no quotes), read batch by batch.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "tidegate/status.hpp"

namespace server {

class CsvFile {
 public:
  // Checks the header line against `columns`, "id,make,…".
  static tidegate::Result<CsvFile> open(const std::string& path, const std::string& columns);

  // The next rows, `most` at most, as a JSON array of arrays of texts; "[]" at the end. A row with
  // another number of fields than the header, or one longer than 4 KiB, is refused by its line.
  tidegate::Result<std::string> next(std::size_t most);

  // How much of the file has been read: 0 to 100.
  int percent() const noexcept;

 private:
  struct Close {
    void operator()(void* file) const noexcept;
  };
  tidegate::Result<std::optional<std::string>> line();  // nothing at the end
  tidegate::Status bad(const std::string& why) const;

  std::string path_;
  std::unique_ptr<void, Close> file_;
  std::int64_t bytes_ = 0;
  std::size_t columns_ = 0;
  std::size_t line_ = 0;
};

// The name, size and checksum of a file, which tell one edition of the data from another.
tidegate::Result<std::string> fingerprint(const std::string& path);

}  // namespace server
