// SPDX-License-Identifier: Apache-2.0
//
// The database of listings as a file: there, whole, and made of this data file, or else built.
//
// It is built under another name and renamed when it is whole and on disk, so that nobody ever
// reads half of it and a crash costs nothing. A lock file keeps two servers that start at once from
// building it twice. A broken file is put aside as <name>.broken; a healthy database that is
// somebody else's is left alone.
#pragma once

#include <functional>
#include <string>

#include "tidegate/deadline.hpp"
#include "tidegate/status.hpp"

namespace server {

struct ListingsFile {
  std::string database;
  std::string data;  // the csv.gz; may be empty where the database is there already
  // True if the program is to end; waits that long for it.
  std::function<bool(tidegate::Duration)> stopping;
};

// Says on stderr what it does. kCancelled where the program is to end.
tidegate::Status prepare(const ListingsFile& file);

}  // namespace server
