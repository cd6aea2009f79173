// SPDX-License-Identifier: Apache-2.0
#include "query/sqlite_bind.hpp"

#include <sqlite3.h>

#include <string_view>
#include <variant>

namespace tidegate::internal {

namespace {

// The caller's values outlive the statement's run, so nothing is copied.
struct Binder {
  sqlite3_stmt* statement;
  int index;

  int operator()(std::monostate) const { return sqlite3_bind_null(statement, index); }
  int operator()(std::int64_t number) const { return sqlite3_bind_int64(statement, index, number); }
  int operator()(double number) const { return sqlite3_bind_double(statement, index, number); }
  int operator()(const std::string& text) const {
    return sqlite3_bind_text64(statement, index, text.data(), text.size(), SQLITE_STATIC,
                               SQLITE_UTF8);
  }
  int operator()(const Bytes& bytes) const {
    return sqlite3_bind_blob64(statement, index, bytes.data(), bytes.size(), SQLITE_STATIC);
  }
};

// By name, whatever mark the statement gives it; 0 if it has none of that name.
int index_of(sqlite3_stmt* statement, const std::string& name) {
  for (const char mark : {':', '@', '$'}) {
    if (const int index = sqlite3_bind_parameter_index(statement, (mark + name).c_str()))
      return index;
  }
  return 0;
}

std::string name_of(sqlite3_stmt* statement, int index) {
  const char* name = sqlite3_bind_parameter_name(statement, index);
  return name ? "'" + std::string(name + 1) + "'" : "number " + std::to_string(index);
}

}  // namespace

Status bind_params(sqlite3_stmt* statement, const Params& params) {
  const int count = sqlite3_bind_parameter_count(statement);
  std::vector<bool> given(static_cast<std::size_t>(count) + 1, false);
  int position = 0;
  for (const Params::Item& item : params.items()) {
    const int index = item.name.empty() ? ++position : index_of(statement, item.name);
    if (index < 1 || index > count) {
      return Status(Cause::kBadArgument,
                    item.name.empty() ? "the statement takes " + std::to_string(count) +
                                            " parameters, more were given"
                                      : "the statement has no parameter '" + item.name + "'");
    }
    given[static_cast<std::size_t>(index)] = true;
    const int code = std::visit(Binder{statement, index}, item.value);
    if (code == SQLITE_TOOBIG) {
      return Status(Cause::kTooLarge,
                    "the value of parameter " + name_of(statement, index) + " is too large");
    }
    if (code != SQLITE_OK) {
      return Status(Cause::kBadArgument,
                    "parameter " + name_of(statement, index) + ": " + sqlite3_errstr(code));
    }
  }
  for (int index = 1; index <= count; ++index) {
    if (!given[static_cast<std::size_t>(index)]) {
      return Status(Cause::kBadArgument, "no value for parameter " + name_of(statement, index));
    }
  }
  return Status();
}

std::vector<std::string> column_names(sqlite3_stmt* statement) {
  std::vector<std::string> names;
  const int count = sqlite3_column_count(statement);
  names.reserve(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) {
    const char* name = sqlite3_column_name(statement, i);
    names.emplace_back(name ? name : "");
  }
  return names;
}

void append_row(sqlite3_stmt* statement, Rows::Builder& rows) {
  const int count = sqlite3_column_count(statement);
  for (int i = 0; i < count; ++i) {
    switch (sqlite3_column_type(statement, i)) {
      case SQLITE_INTEGER: rows.append(std::int64_t{sqlite3_column_int64(statement, i)}); break;
      case SQLITE_FLOAT: rows.append(sqlite3_column_double(statement, i)); break;
      case SQLITE_NULL: rows.append_null(); break;
      case SQLITE_TEXT: {
        const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement, i));
        rows.append_text({text ? text : "",
                          text ? static_cast<std::size_t>(sqlite3_column_bytes(statement, i)) : 0});
        break;
      }
      default: {
        const auto* bytes = static_cast<const char*>(sqlite3_column_blob(statement, i));
        rows.append_bytes(
            {bytes ? bytes : "",
             bytes ? static_cast<std::size_t>(sqlite3_column_bytes(statement, i)) : 0});
      }
    }
  }
}

}  // namespace tidegate::internal
