// SPDX-License-Identifier: Apache-2.0
#include "guard.hpp"
#include "objects.hpp"

namespace tidegate::c {
namespace {

static_assert(static_cast<tidegate_kind>(ValueKind::kNull) == TIDEGATE_KIND_NULL &&
              static_cast<tidegate_kind>(ValueKind::kInteger) == TIDEGATE_KIND_INTEGER &&
              static_cast<tidegate_kind>(ValueKind::kReal) == TIDEGATE_KIND_REAL &&
              static_cast<tidegate_kind>(ValueKind::kText) == TIDEGATE_KIND_TEXT &&
              static_cast<tidegate_kind>(ValueKind::kBytes) == TIDEGATE_KIND_BYTES);

Value cell(const tidegate_rows* handle, std::size_t row, std::size_t column) noexcept {
  const RowsObject* rows = peek(handle);
  return rows ? rows->rows.at(row, column) : Value();
}

}  // namespace
}  // namespace tidegate::c

using namespace tidegate;     // NOLINT(google-build-using-namespace)
using namespace tidegate::c;  // NOLINT(google-build-using-namespace)

size_t tidegate_rows_size(const tidegate_rows* handle) {
  const RowsObject* rows = peek(handle);
  return rows ? rows->rows.size() : 0;
}

size_t tidegate_rows_columns(const tidegate_rows* handle) {
  const RowsObject* rows = peek(handle);
  return rows ? rows->rows.columns().size() : 0;
}

const char* tidegate_rows_column_name(const tidegate_rows* handle, size_t column) {
  const RowsObject* rows = peek(handle);
  if (!rows || column >= rows->rows.columns().size()) return "";
  return rows->rows.columns()[column].c_str();
}

int64_t tidegate_rows_column(const tidegate_rows* handle, const char* name) {
  const RowsObject* rows = peek(handle);
  if (!rows || !name) return -1;
  const auto column = rows->rows.column(name);
  return column ? static_cast<int64_t>(*column) : -1;
}

tidegate_kind tidegate_rows_kind(const tidegate_rows* rows, size_t row, size_t column) {
  return static_cast<tidegate_kind>(cell(rows, row, column).kind());
}

int64_t tidegate_rows_int64(const tidegate_rows* rows, size_t row, size_t column) {
  return cell(rows, row, column).integer();
}

double tidegate_rows_double(const tidegate_rows* rows, size_t row, size_t column) {
  return cell(rows, row, column).real();
}

const char* tidegate_rows_text(const tidegate_rows* rows, size_t row, size_t column, size_t* size) {
  const std::string_view text = cell(rows, row, column).text();
  if (size) *size = text.size();
  return text.data() ? text.data() : "";
}

tidegate_status tidegate_rows_retain(tidegate_rows* rows) {
  return guard(nullptr, [&] { return retain(rows) ? Status() : no_handle(rows, "tidegate_rows"); });
}

void tidegate_rows_release(tidegate_rows* rows) { give_back(rows); }
