// SPDX-License-Identifier: Apache-2.0
//
// What the server is told: its own keys beside the library's, from the defaults, a file, the
// environment and the command line; what comes later wins.
#pragma once

#include <string>
#include <variant>

#include "tidegate/config.hpp"

namespace server {

// What to exit with, after what was to be said was said: --help, --version, --print-config, and
// everything that is wrong.
struct Exit {
  int code;
};
inline constexpr int kUsage = 2;

std::variant<tidegate::Config, Exit> read_options(int argc, char** argv);

// server.database, or the place for it in the user's cache.
std::string database_path(const tidegate::Config& config);

// server.data, or the file of the source tree or the installation that the program belongs to.
std::string data_path(const tidegate::Config& config);

}  // namespace server
