// SPDX-License-Identifier: Apache-2.0
// The file that processes share: who is let in, what is refused, and what is left by who dies.
#include "gate/state_file.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

#include "base/ports/rng.hpp"
#include "support/child.hpp"
#include "support/deep.hpp"
#include "support/temp_directory.hpp"
#include "tidegate/log.hpp"

namespace tidegate::internal {
namespace {

using test::TempDirectory;

std::shared_ptr<StateFile> map(const std::string& directory) {
  auto file = StateFile::map(directory);
  INFO(file.status().to_string());
  REQUIRE(file.ok());
  return *file;
}

std::atomic<std::uint64_t>& word(const std::span<std::byte>& memory) {
  return *reinterpret_cast<std::atomic<std::uint64_t>*>(memory.data());
}

bool is_zero(std::span<const std::byte> memory) {
  return std::all_of(memory.begin(), memory.end(), [](std::byte b) { return b == std::byte{}; });
}

class Quiet {
 public:
  Quiet() { set_log_level(LogLevel::kOff); }
  ~Quiet() { set_log_level(LogLevel::kWarning); }
};

TEST_CASE("AStateFileGivesAllProcessesTheSameMemoryForAName") {
  const TempDirectory temp;
  const auto mine = map(temp.path("state"));
  const auto memory = mine->place("limiter", "encar", 1, 100);
  REQUIRE(memory.ok());
  CHECK(memory->size() == 100);
  CHECK(reinterpret_cast<std::uintptr_t>(memory->data()) % 64 == 0);
  CHECK(is_zero(*memory));
  word(*memory).store(5);
  CHECK(test::in_child([&] {
          const auto file = StateFile::map(temp.path("state"));
          if (!file.ok()) return 1;
          const auto same = (*file)->place("limiter", "encar", 1, 100);
          const auto other = (*file)->place("breaker", "encar", 1, 100);
          if (!same.ok() || !other.ok() || !is_zero(*other)) return 2;
          if ((*file)->epoch() != mine->epoch() || (*file)->seed() != mine->seed()) return 3;
          return static_cast<int>(word(*same).fetch_add(2));
        }) == 5);
  CHECK(word(*memory).load() == 7);
  CHECK(mine->epoch() <= Deadline::now());
}

TEST_CASE("AChildOfAForkGoesOnWithItsParentsMapping") {
  const TempDirectory temp;
  const auto file = StateFile::open(temp.path("state"));
  REQUIRE(file.ok());
  CHECK(StateFile::open(temp.path("state")).value() == *file);
  const auto memory = (*file)->place("limiter", "encar", 1, 8);
  REQUIRE(memory.ok());
  CHECK(test::in_child([&] {
          const auto again = StateFile::open(temp.path("state"));
          if (!again.ok() || *again != *file) return 1;
          const auto same = (*again)->place("limiter", "encar", 1, 8);
          if (!same.ok() || same->data() != memory->data()) return 2;
          word(*same).store(9);
          return 0;
        }) == 0);
  CHECK(word(*memory).load() == 9);
}

TEST_CASE("WhatIsCountedOutlivesTheProcesses") {
  const TempDirectory temp;
  word(map(temp.path("state"))->place("limiter", "encar", 1, 8).value()).store(3);
  CHECK(word(map(temp.path("state"))->place("limiter", "encar", 1, 8).value()).load() == 3);
}

TEST_CASE("OtherSettingsOfANameAreRefusedWhileSomebodyUsesIt") {
  const TempDirectory temp;
  auto mine = map(temp.path("state"));
  const auto memory = mine->place("limiter", "encar", 0xaaaa, 64);
  REQUIRE(memory.ok());
  word(*memory).store(3);
  const auto other = map(temp.path("state"));
  for (const auto& [shape, size] :
       {std::pair<std::uint64_t, std::size_t>{0xbbbb, 64}, {0xaaaa, 128}}) {
    const Status refused = other->place("limiter", "encar", shape, size).status();
    CHECK(refused.cause() == Cause::kConfig);
    for (const char* part : {"limiter 'encar'", "000000000000aaaa (64 bytes)",
                             shape == 0xbbbb ? "000000000000bbbb" : "(128 bytes)"}) {
      INFO(refused.message());
      CHECK(refused.message().find(part) != std::string_view::npos);
    }
  }
  CHECK(mine->place("limiter", "encar", 0xbbbb, 64).status().cause() == Cause::kConfig);
  CHECK(word(*memory).load() == 3);
  mine.reset();  // nobody uses it any more
  const auto anew = other->place("limiter", "encar", 0xbbbb, 64);
  REQUIRE(anew.ok());
  CHECK(is_zero(*anew));
}

TEST_CASE("AChildKeepsItsParentsSettingsInUse") {
  const TempDirectory temp;
  int pipe[2];
  REQUIRE(::pipe(pipe) == 0);
  pid_t child = 0;
  {
    const auto mine = map(temp.path("state"));
    REQUIRE(mine->place("limiter", "encar", 1, 64).ok());
    child = ::fork();
    if (child == 0) {
      char end = 0;
      ::close(pipe[1]);
      ::_exit(static_cast<int>(::read(pipe[0], &end, 1)));  // until the parent says so
    }
  }
  const auto other = map(temp.path("state"));
  CHECK(other->place("limiter", "encar", 2, 64).status().cause() == Cause::kConfig);
  ::close(pipe[0]);
  ::close(pipe[1]);
  REQUIRE(::waitpid(child, nullptr, 0) == child);
  CHECK(other->place("limiter", "encar", 2, 64).ok());
}

TEST_CASE("NamesAndSizesThatCannotBeAreRefused") {
  const TempDirectory temp;
  const auto file = map(temp.path("state"));
  CHECK(file->place("limiter", "", 1, 8).status().cause() == Cause::kConfig);
  CHECK(file->place("", "encar", 1, 8).status().cause() == Cause::kConfig);
  CHECK(file->place("limiter", std::string(513, 'x'), 1, 8).status().cause() == Cause::kConfig);
  CHECK(file->place("limiter", std::string(512, 'x'), 1, 8).ok());
  CHECK(file->place("limiter", "encar", 1, 0).status().cause() == Cause::kConfig);
  CHECK(file->place("limiter", "encar", 1, kStateSize + 1).status().cause() == Cause::kConfig);
}

TEST_CASE("AFullFileSaysSoAndWhatNobodyUsesMakesRoom") {
  const TempDirectory temp;
  auto first = map(temp.path("state"));
  for (std::size_t i = 0; i < kStateEntries; ++i) {
    REQUIRE(first->place("limiter", std::to_string(i), 1, 64).ok());
  }
  const auto second = map(temp.path("state"));
  const Status full = second->place("limiter", "one more", 1, 64).status();
  CHECK(full.cause() == Cause::kLocalResource);
  CHECK(full.message().find("is full") != std::string_view::npos);
  const auto kept = second->place("limiter", "7", 1, 64);
  REQUIRE(kept.ok());
  word(*kept).store(77);
  first.reset();
  CHECK(second->place("limiter", "one more", 1, 64).ok());
  CHECK(word(*kept).load() == 77);
  CHECK(second->place("limiter", "7", 1, 64)->data() == kept->data());
  CHECK(second->place("table", "too much", 1, kStateSize).status().cause() ==
        Cause::kLocalResource);
  CHECK(second->place("table", "half", 1, kStateSize / 2).ok());
}

TEST_CASE("ADirectoryThatIsNotOursAloneIsRefused") {
  const TempDirectory temp;
  const std::string open = temp.path("open");
  REQUIRE(::mkdir(open.c_str(), 0700) == 0);
  REQUIRE(::chmod(open.c_str(), 0750) == 0);
  const std::string link = temp.path("link");
  const std::string good = temp.path("good");
  REQUIRE(::mkdir(good.c_str(), 0700) == 0);
  REQUIRE(::symlink(good.c_str(), link.c_str()) == 0);
  std::ofstream(temp.path("file")) << "no directory";
  for (const std::string& path : {open, link, temp.path("file"), temp.path("none/below"),
                                  std::string("relative"), std::string()}) {
    const Status refused = StateFile::map(path).status();
    INFO(refused.to_string());
    CHECK(refused.cause() == Cause::kConfig);
  }
  CHECK(StateFile::map(open).status().message().find("0750") != std::string_view::npos);
  CHECK(StateFile::map(good).ok());
}

TEST_CASE("WhatBelongsToAnotherUserIsRefused") {
  const TempDirectory temp;
  const std::string directory = temp.path("theirs");
  REQUIRE(::mkdir(directory.c_str(), 0700) == 0);
  if (::chown(directory.c_str(), 4242, 4242) != 0) return;  // only the administrator can try it
  const Status refused = StateFile::map(directory).status();
  CHECK(refused.cause() == Cause::kConfig);
  CHECK(refused.message().find("4242") != std::string_view::npos);
  REQUIRE(::chown(directory.c_str(), ::geteuid(), ::getegid()) == 0);
  const std::string file = map(directory)->path();
  REQUIRE(::chown(file.c_str(), 4242, 4242) == 0);
  CHECK(StateFile::map(directory).status().cause() == Cause::kConfig);
}

TEST_CASE("AFileThatIsNoFileIsRefused") {
  const TempDirectory temp;
  const std::string directory = temp.path("state");
  const std::string file = map(directory)->path();
  CHECK(std::filesystem::status(file).permissions() == std::filesystem::perms(0600));
  CHECK(std::filesystem::status(directory).permissions() == std::filesystem::perms(0700));
  const auto refused = [&] { return StateFile::map(directory).status().cause() == Cause::kConfig; };
  REQUIRE(::chmod(file.c_str(), 0640) == 0);
  CHECK(refused());
  std::filesystem::remove(file);
  std::ofstream(temp.path("target")) << "kept";
  REQUIRE(::symlink(temp.path("target").c_str(), file.c_str()) == 0);
  CHECK(refused());
  std::filesystem::remove(file);
  REQUIRE(::mkfifo(file.c_str(), 0600) == 0);
  CHECK(refused());
  std::filesystem::remove(file);
  REQUIRE(::mkdir(file.c_str(), 0700) == 0);
  CHECK(refused());
}

TEST_CASE("AFileOfAnotherStartOfTheSystemIsMadeAnewAndTheOldMappingStays") {
  const Quiet quiet;
  const TempDirectory temp;
  const auto old = map(temp.path("state"));
  const auto memory = old->place("limiter", "encar", 1, 8);
  REQUIRE(memory.ok());
  word(*memory).store(3);
  StateOrigin before{};
  std::strcpy(before.boot.data(), "4c9f2d0e-0000-0000-0000-000000000000\n");
  before.owner = ::geteuid();
  const StateHeader header = StateHeader::make(before, 0, 1);
  {
    std::fstream file(old->path(), std::ios::in | std::ios::out | std::ios::binary);
    file.write(reinterpret_cast<const char*>(&header), sizeof header);
  }
  const auto anew = map(temp.path("state"));
  CHECK(is_zero(anew->place("limiter", "encar", 1, 8).value()));
  CHECK(anew->epoch() > TimePoint());
  CHECK(word(*memory).load() == 3);
  std::filesystem::resize_file(anew->path(), 100);  // as a truncated copy would be
  CHECK(is_zero(map(temp.path("state"))->place("limiter", "encar", 1, 8).value()));
}

TEST_CASE("AHeaderOfTheFutureOrOfAnotherFormIsNotSound") {
  StateOrigin here{};
  here.owner = 7;
  const StateHeader good = StateHeader::make(here, 100, 1);
  CHECK(good.is_sound(here, 100));
  CHECK_FALSE(good.is_sound(here, 99));
  StateOrigin elsewhere = here;
  elsewhere.clock = 1;
  CHECK_FALSE(good.is_sound(elsewhere, 100));
  for (std::size_t at = 0; at < sizeof good; ++at) {
    StateHeader bad = good;
    reinterpret_cast<unsigned char*>(&bad)[at] ^= 1u;
    CHECK_FALSE(bad.is_sound(here, 100));
  }
}

TEST_CASE("WhateverBytesStandInTheFileNothingCrashesAndItIsRebuiltOrWorks") {
  const Quiet quiet;
  const TempDirectory temp;
  const std::string directory = temp.path("state");
  const std::string path = [&] {
    const auto file = map(directory);
    for (int i = 0; i < 40; ++i) {
      REQUIRE(file->place("limiter", "name " + std::to_string(i), 1, 64).ok());
    }
    return file->path();
  }();
  std::vector<char> good(kStateSize);
  std::ifstream(path, std::ios::binary).read(good.data(), kStateSize);
  constexpr std::size_t kFilled = 256 + kStateEntries * 8 + 41 * 192;
  Rng rng(1);
  int rebuilt = 0;
  for (int round = 0; round < test::repeat(1000, 5000); ++round) {
    // Another inode each time: what was mapped before stays as it is.
    std::filesystem::remove(path);
    std::vector<char> bytes(good.begin(), good.begin() + kFilled);
    std::size_t size = kStateSize;
    if (rng.chance(10)) {
      size = rng.below(kStateSize);
    } else {
      const std::uint64_t changes = 1 + rng.below(rng.chance(50) ? 2 : 64);
      for (std::uint64_t i = 0; i < changes; ++i) {
        const bool in_front = rng.chance(70);
        const std::size_t at = rng.below(in_front ? 600 : kFilled);
        bytes[at] = static_cast<char>(rng.chance(20) ? 0xff : rng.below(256));
      }
    }
    {
      std::ofstream file(path, std::ios::binary);
      file.write(bytes.data(), static_cast<std::streamsize>(std::min(size, kFilled)));
    }
    REQUIRE(::chmod(path.c_str(), 0600) == 0);
    std::filesystem::resize_file(path, size);
    const std::uintmax_t inode = [&] {
      struct stat found{};
      REQUIRE(::stat(path.c_str(), &found) == 0);
      return found.st_ino;
    }();
    const auto file = StateFile::map(directory);
    REQUIRE(file.ok());
    struct stat found{};
    REQUIRE(::stat(path.c_str(), &found) == 0);
    const bool is_new = found.st_ino != inode;
    rebuilt += is_new ? 1 : 0;
    const bool is_head_good =
        size == kStateSize && std::memcmp(bytes.data(), good.data(), sizeof(StateHeader)) == 0;
    REQUIRE((is_new || is_head_good));
    REQUIRE(found.st_size == static_cast<off_t>(kStateSize));
    for (int i = 0; i < 3; ++i) {
      const auto memory = (*file)->place("limiter", "name " + std::to_string(rng.below(60)), 1, 64);
      REQUIRE(memory.ok());
      for (auto& each : *memory) each = std::byte{0x5a};  // it is there to be written
    }
  }
  CHECK(rebuilt > 100);
}

TEST_CASE("ProcessesThatAreKilledWhileTheyPlaceLeaveAFileThatWorks") {
  const Quiet quiet;
  const TempDirectory temp;
  const std::string directory = temp.path("state");
  Rng rng(2);
  for (int round = 0; round < test::repeat_processes(10, 100); ++round) {
    std::vector<pid_t> children;
    int pipe[2];
    REQUIRE(::pipe(pipe) == 0);
    for (int i = 0; i < 3; ++i) {
      const pid_t child = ::fork();
      if (child == 0) {
        for (std::uint64_t n = 0;; ++n) {
          const auto file = StateFile::map(directory);
          if (!file.ok()) ::_exit(1);
          for (std::uint64_t j = 0; j < 20; ++j) {
            const auto memory =
                (*file)->place("limiter", std::to_string((n * 20 + j) % 700), n % 2 + 1, 256);
            if (!memory.ok()) continue;
            const std::uint64_t mark = n % 2 + 1;  // of the shape
            const std::uint64_t seen = word(*memory).exchange(mark);
            if (seen != 0 && seen != mark) ::_exit(2);
            if (j == 0 && ::write(pipe[1], "x", 1) != 1) ::_exit(3);
          }
        }
      }
      children.push_back(child);
    }
    char seen = 0;
    for (std::uint64_t i = 0; i < 1 + rng.below(20); ++i) REQUIRE(::read(pipe[0], &seen, 1) == 1);
    for (const pid_t child : children) {
      ::kill(child, SIGKILL);
      int status = 0;
      REQUIRE(::waitpid(child, &status, 0) == child);
      CHECK(WIFSIGNALED(status));
    }
    ::close(pipe[0]);
    ::close(pipe[1]);
    for (int i = 0; i < 20; ++i) {
      const std::string name = std::to_string(rng.below(700));
      const auto memory = map(directory)->place("limiter", name, rng.below(2) + 1, 256);
      INFO(memory.status().to_string());
      CHECK(memory.ok());
    }
  }
}

TEST_CASE("ThreadsThatOpenAndPlaceAtOnceAllHaveTheSame") {
  const TempDirectory temp;
  for (int round = 0; round < 20; ++round) {
    std::vector<std::byte*> seen(4);
    std::vector<std::thread> threads;
    for (auto& each : seen) {
      threads.emplace_back([&, round] {
        const auto file = StateFile::open(temp.path("state"));
        if (!file.ok()) return;
        const auto memory = (*file)->place("limiter", std::to_string(round), 1, 64);
        if (memory.ok()) each = memory->data();
      });
    }
    for (auto& thread : threads) thread.join();
    CHECK(seen[0] != nullptr);
    CHECK(std::count(seen.begin(), seen.end(), seen[0]) == 4);
  }
}

}  // namespace
}  // namespace tidegate::internal
