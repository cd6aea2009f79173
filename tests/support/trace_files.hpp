// SPDX-License-Identifier: Apache-2.0
//
// Trace files: the requests that somebody recorded, in the formats in which traces are published.
//
//   lirs    one number a line; lines of '*' separate parts, and empty ones say nothing
//   arc     "start count ignored ignored" a line: count keys from start on
//   plain   one key a line, any text
//
// What is no such file is a std::runtime_error that names the file and its line: a trace that is
// read as something else would be measured all the same.
#pragma once

#include <array>
#include <charconv>
#include <cstdint>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <unordered_map>

#include "support/traces.hpp"

namespace tidegate::test {

enum class TraceFormat { kLirs, kArc, kPlain };

// A file and how it is read: "PATH:FORMAT", or by the ending of its name: .trace is lirs, .lis is
// arc, everything else plain.
struct TraceFile {
  std::string path;
  TraceFormat format;

  static TraceFile named(std::string_view name);
  Trace read() const;
};

// Keys of one line of an arc file, at most: a file that is none must not take all memory.
inline constexpr std::uint64_t kMostKeysOfALine = 1'000'000;

namespace trace_files {

inline std::string_view first_word(std::string_view& rest) {
  constexpr std::string_view kBlank = " \t\r";
  rest.remove_prefix(std::min(rest.find_first_not_of(kBlank), rest.size()));
  const std::string_view word = rest.substr(0, rest.find_first_of(kBlank));
  rest.remove_prefix(word.size());
  return word;
}

inline std::uint64_t number(std::string_view word) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (error == std::errc() && end == word.data() + word.size()) return value;
  throw std::runtime_error("'" + std::string(word.substr(0, 40)) + "' is no number");
}

inline void nothing_more(std::string_view rest) {
  const std::string_view word = first_word(rest);
  if (!word.empty()) throw std::runtime_error("'" + std::string(word.substr(0, 40)) + "' follows");
}

inline void read_lirs(std::string_view line, Trace& trace) {
  const std::string_view word = first_word(line);
  if (word.find_first_not_of('*') == std::string_view::npos) return nothing_more(line);
  const std::uint64_t key = number(word);
  nothing_more(line);
  trace.push_back(key);
}

inline void read_arc(std::string_view line, Trace& trace) {
  const std::uint64_t start = number(first_word(line));
  const std::uint64_t count = number(first_word(line));
  for (int i = 0; i < 2; ++i) (void)number(first_word(line));
  nothing_more(line);
  if (count == 0 || count > kMostKeysOfALine || start + count < start) {
    throw std::runtime_error("a line has 1 to " + std::to_string(kMostKeysOfALine) + " keys, not " +
                             std::to_string(count) + " from " + std::to_string(start));
  }
  for (std::uint64_t i = 0; i < count; ++i) trace.push_back(start + i);
}

}  // namespace trace_files

inline TraceFile TraceFile::named(std::string_view name) {
  struct Known {
    std::string_view suffix, ending;
    TraceFormat format;
  };
  constexpr std::array<Known, 3> kKnown = {{{":lirs", ".trace", TraceFormat::kLirs},
                                            {":arc", ".lis", TraceFormat::kArc},
                                            {":plain", "", TraceFormat::kPlain}}};
  for (const Known& known : kKnown) {
    if (!name.ends_with(known.suffix)) continue;
    return {std::string(name.substr(0, name.size() - known.suffix.size())), known.format};
  }
  for (const Known& known : kKnown) {
    if (name.ends_with(known.ending)) return {std::string(name), known.format};
  }
  return {std::string(name), TraceFormat::kPlain};
}

inline Trace TraceFile::read() const {
  std::ifstream file(path);
  if (!file) throw std::runtime_error("cannot read " + path);
  Trace trace;
  std::unordered_map<std::string, std::uint64_t> numbers;
  std::size_t at = 0;
  for (std::string line; std::getline(file, line);) {
    ++at;
    if (line.ends_with('\r')) line.pop_back();
    try {
      if (format == TraceFormat::kLirs) trace_files::read_lirs(line, trace);
      if (format == TraceFormat::kArc) trace_files::read_arc(line, trace);
    } catch (const std::runtime_error& error) {
      throw std::runtime_error(path + ", line " + std::to_string(at) + ": " + error.what());
    }
    if (format == TraceFormat::kPlain) {
      trace.push_back(numbers.emplace(line, numbers.size()).first->second);
    }
  }
  if (file.bad()) throw std::runtime_error("cannot read " + path);  // a directory opens, too
  if (trace.empty()) throw std::runtime_error("there are no requests in " + path);
  return trace;
}

}  // namespace tidegate::test
