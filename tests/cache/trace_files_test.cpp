// SPDX-License-Identifier: Apache-2.0
// What tests/bench/cache_sim.cpp reads, or refuses to read.
#include "support/trace_files.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace tidegate::test {
namespace {

// A file with that content; its name ends so.
class WrittenFile {
 public:
  WrittenFile(const std::string& ending, const std::string& content) {
    std::string pattern = std::filesystem::temp_directory_path() / "tidegate-trace-XXXXXX";
    REQUIRE(::mkdtemp(pattern.data()) != nullptr);
    folder_ = pattern;
    path_ = folder_ / ("requests" + ending);
    std::ofstream(path_, std::ios::binary) << content;
  }
  ~WrittenFile() { std::filesystem::remove_all(folder_); }
  WrittenFile(const WrittenFile&) = delete;
  WrittenFile& operator=(const WrittenFile&) = delete;

  std::string path() const { return path_; }

 private:
  std::filesystem::path folder_;
  std::filesystem::path path_;
};

Trace read(const std::string& ending, const std::string& content, const std::string& format = "") {
  const WrittenFile file(ending, content);
  return TraceFile::named(file.path() + format).read();
}

// What it says; empty where the file is read.
std::string refusal(const std::string& ending, const std::string& content) {
  const WrittenFile file(ending, content);
  try {
    (void)TraceFile::named(file.path()).read();
    return "";
  } catch (const std::runtime_error& error) {
    const std::string said = error.what();
    REQUIRE(said.find(file.path()) != std::string::npos);
    return said.substr(said.rfind(file.path()) + file.path().size());
  }
}

TEST_CASE("A lirs file is one number a line, its separators and empty lines left out") {
  CHECK(read(".trace", "7\n*\n 9 \r\n\n7\n***\n18446744073709551615") ==
        Trace{7, 9, 7, 18446744073709551615u});
}

TEST_CASE("A line of an arc file is as many keys as it counts, from its first on") {
  CHECK(read(".lis", "100 3 0 1\n5 1 0 2\r\n101\t2  0 3\n") == Trace{100, 101, 102, 5, 101, 102});
}

TEST_CASE("Each other text is another key of a plain file, by its first line") {
  CHECK(read(".txt", "audi\nkia\r\naudi\n\nkia \n12") == Trace{0, 1, 0, 2, 3, 4});
}

TEST_CASE("A format that is named counts before the ending of the name") {
  CHECK(read(".trace", "10 2 0 1\n", ":arc") == Trace{10, 11});
  CHECK(read(".lis", "10 2 0 1\n", ":plain") == Trace{0});
  CHECK(read("", "31\n", ":lirs") == Trace{31});
  CHECK(TraceFile::named("a:b.txt").path == "a:b.txt");
}

TEST_CASE("A line that is none of its format is refused by its number") {
  struct Case {
    std::string ending, content, said;
  };
  const Case cases[] = {
      {".trace", "1\nabc\n", ", line 2: 'abc' is no number"},
      {".trace", "-1\n", ", line 1: '-1' is no number"},
      {".trace", "1.5\n", ", line 1: '1.5' is no number"},
      {".trace", "18446744073709551616\n", ", line 1: '18446744073709551616' is no number"},
      {".trace", "1\n2 3\n", ", line 2: '3' follows"},
      {".trace", "* 3\n", ", line 1: '3' follows"},
      {".lis", "1 1 0 1\n\n", ", line 2: '' is no number"},
      {".lis", "1\n", ", line 1: '' is no number"},
      {".lis", "1 1 0\n", ", line 1: '' is no number"},
      {".lis", "1 1 0 1 9\n", ", line 1: '9' follows"},
      {".lis", "1 x 0 1\n", ", line 1: 'x' is no number"},
      {".lis", "1 0 0 1\n", ", line 1: a line has 1 to 1000000 keys, not 0 from 1"},
      {".lis", "1 1000001 0 1\n", ", line 1: a line has 1 to 1000000 keys, not 1000001 from 1"},
      {".lis", "18446744073709551615 2 0 1\n",
       ", line 1: a line has 1 to 1000000 keys, not 2 from 18446744073709551615"},
  };
  for (const Case& each : cases) {
    CAPTURE(each.content);
    CHECK(refusal(each.ending, each.content) == each.said);
  }
}

TEST_CASE("A file without requests, a folder and one that is not there are refused") {
  for (const char* const ending : {".trace", ".lis", ".txt"}) {
    const WrittenFile file(ending, "");
    CHECK_THROWS_WITH_AS((void)TraceFile::named(file.path()).read(),
                         ("there are no requests in " + file.path()).c_str(), std::runtime_error);
  }
  const WrittenFile file(".trace", "*\n\n");
  const std::string folder = std::filesystem::path(file.path()).parent_path();
  CHECK_THROWS_AS((void)TraceFile::named(file.path()).read(), std::runtime_error);
  CHECK_THROWS_AS((void)TraceFile::named(folder).read(), std::runtime_error);
  CHECK_THROWS_WITH_AS((void)TraceFile::named(folder + "/none").read(),
                       ("cannot read " + folder + "/none").c_str(), std::runtime_error);
}

}  // namespace
}  // namespace tidegate::test
