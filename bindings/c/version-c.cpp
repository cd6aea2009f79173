// SPDX-License-Identifier: Apache-2.0
#include <string>

#include "guard.hpp"
#include "tidegate/c.h"
#include "tidegate/version.hpp"  // the same macros: a difference does not compile

// The library's only word about itself that is not tidegate's; nothing else of SQLite is used here.
extern "C" const char* sqlite3_libversion(void);

namespace tidegate::c {
namespace {

#if defined(__clang__)
constexpr char kCompiler[] = __VERSION__;
#else
constexpr char kCompiler[] = "GCC " __VERSION__;
#endif

std::string build_info() {
  std::string json = "{\"version\":\"";
  json.append(version()).append("\",\"compiler\":\"").append(kCompiler);
  json.append("\",\"sqlite\":\"").append(sqlite3_libversion()).append("\"}");
  return json;
}

}  // namespace
}  // namespace tidegate::c

// A literal, which ends in a NUL.
const char* tidegate_version(void) { return tidegate::version().data(); }

int32_t tidegate_version_number(void) { return TIDEGATE_VERSION_NUMBER; }

const char* tidegate_build_info(void) {
  return tidegate::c::guard_value("{}", []() -> const char* {
    static const std::string* const text = new std::string(tidegate::c::build_info());
    return text->c_str();
  });
}
