// SPDX-License-Identifier: Apache-2.0
#include "support/child.hpp"

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <vector>

extern char** environ;

namespace tidegate::test {

namespace {

constexpr unsigned kSeconds = 120;

int result_of(pid_t child) {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) return -1;
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1000 - WTERMSIG(status);
}

}  // namespace

int in_child(const std::function<int()>& body) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(kSeconds);
    ::_exit(body());
  }
  return child < 0 ? -1 : result_of(child);
}

int run_program(const std::string& name) {
  std::string program = "tests", only = "--test-case=" + name, unskip = "--no-skip",
              quiet = "--no-version";
  char* arguments[] = {program.data(), only.data(), unskip.data(), quiet.data(), nullptr};

  // Such programs leave threads behind on purpose, which a thread sanitizer would report at exit.
  const char* given = std::getenv("TSAN_OPTIONS");
  std::string sanitizer =
      "TSAN_OPTIONS=" + std::string(given ? given : "") + ":report_thread_leaks=0";
  std::vector<char*> environment;
  for (char** each = environ; *each; ++each) {
    if (std::strncmp(*each, "TSAN_OPTIONS=", 13) != 0) environment.push_back(*each);
  }
  environment.push_back(sanitizer.data());
  environment.push_back(nullptr);

  pid_t child = 0;
  if (::posix_spawn(&child, "/proc/self/exe", nullptr, nullptr, arguments, environment.data()) !=
      0) {
    return -1;
  }
  return result_of(child);
}

}  // namespace tidegate::test
