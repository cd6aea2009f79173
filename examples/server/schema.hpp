// SPDX-License-Identifier: Apache-2.0
//
// The SQL that makes the database of listings. What was cleaned, and why, is told in
// examples/data/README.md; the rules themselves are in kInsert.
#pragma once

#include <span>
#include <string>

namespace server {

// Of another edition of this SQL the database is built anew: raise it with every change.
inline constexpr int kFormat = 2;

// "Tide" in ASCII: tells our file from an SQLite database that is somebody else's.
inline constexpr int kApplication = 0x54696465;

// The header line of the data file.
extern const std::string kColumns;

// Before the rows, for each batch of rows (:batch, a JSON array of arrays of texts), after them
// (:origin, the fingerprint of the data file), and at last.
extern const std::span<const std::string> kCreate;
extern const std::string kInsert;
extern const std::string kNameOrigin;
extern const std::span<const std::string> kFinish;

}  // namespace server
