// SPDX-License-Identifier: Apache-2.0
#include "csv_file.hpp"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string_view>
#include <utility>
#include <vector>

#include "reply.hpp"

namespace server {

using tidegate::Cause;
using tidegate::Result;
using tidegate::Status;

namespace {

constexpr std::size_t kLongestLine = 4096;

std::vector<std::string> fields(std::string_view line) {
  std::vector<std::string> parts;
  for (;;) {
    const std::size_t comma = line.find(',');
    parts.emplace_back(line.substr(0, comma));
    if (comma == std::string_view::npos) return parts;
    line.remove_prefix(comma + 1);
  }
}

}  // namespace

void CsvFile::Close::operator()(void* file) const noexcept { gzclose(static_cast<gzFile>(file)); }

Result<CsvFile> CsvFile::open(const std::string& path, const std::string& columns) {
  CsvFile csv;
  csv.path_ = path;
  csv.file_.reset(gzopen(path.c_str(), "rbe"));
  if (!csv.file_) return Status(Cause::kLocalResource, "cannot read '" + path + "'");
  std::error_code unknown_size;
  csv.bytes_ = static_cast<std::int64_t>(std::filesystem::file_size(path, unknown_size));
  csv.columns_ = fields(columns).size();
  const auto header = csv.line();
  if (!header.ok()) return header.status();
  if (*header != columns) return csv.bad("the header line is not '" + columns + "'");
  return csv;
}

Result<std::optional<std::string>> CsvFile::line() {
  std::array<char, kLongestLine> buffer;
  auto* const file = static_cast<gzFile>(file_.get());
  ++line_;
  const char* const got = gzgets(file, buffer.data(), static_cast<int>(buffer.size()));
  std::string text(got ? got : "");
  if (!text.ends_with('\n')) {
    int code = Z_OK;
    const char* const why = gzerror(file, &code);
    if (code != Z_OK && code != Z_STREAM_END) return bad(why);
    if (!gzeof(file)) return bad("longer than 4 KiB");
  }
  if (!got) return std::optional<std::string>();
  while (text.ends_with('\n') || text.ends_with('\r')) text.pop_back();
  return std::optional(std::move(text));
}

Result<std::string> CsvFile::next(std::size_t most) {
  Json rows = Json::array();
  while (rows.size() < most) {
    const auto text = line();
    if (!text.ok()) return text.status();
    if (!*text) break;
    auto row = fields(**text);
    if (row.size() != columns_) {
      return bad("has " + std::to_string(row.size()) + " fields, not " + std::to_string(columns_));
    }
    rows.push_back(std::move(row));
  }
  return rows.dump(-1, ' ', false, Json::error_handler_t::replace);
}

int CsvFile::percent() const noexcept {
  const std::int64_t read = gzoffset(static_cast<gzFile>(file_.get()));
  return bytes_ > 0 ? static_cast<int>(std::min<std::int64_t>(100, read * 100 / bytes_)) : 0;
}

Status CsvFile::bad(const std::string& why) const {
  return Status(Cause::kDecode, "'" + path_ + "', line " + std::to_string(line_) + ": " + why);
}

Result<std::string> fingerprint(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return Status(Cause::kLocalResource, "cannot read '" + path + "'");
  const std::vector<Bytef> bytes{std::istreambuf_iterator<char>(file), {}};
  return std::filesystem::path(path).filename().string() + ", " + std::to_string(bytes.size()) +
         " bytes, crc32 " + std::to_string(crc32_z(0, bytes.data(), bytes.size()));
}

}  // namespace server
