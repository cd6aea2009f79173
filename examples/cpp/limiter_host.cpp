// SPDX-License-Identifier: Apache-2.0
// Four workers that start five requests in an hour, all of them together.
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <string>

#include "tidegate/tidegate.hpp"

using namespace std::chrono_literals;

int main() {
  std::string directory = std::filesystem::temp_directory_path() / "limiter-XXXXXX";
  if (!::mkdtemp(directory.data())) return 1;

  const tidegate::Limiter limiter(tidegate::LimiterOptions()
                                      .name("encar")
                                      .strict(5, 1h, 5)
                                      .share(tidegate::Share::kHost)
                                      .state_dir(directory));  // by default in /dev/shm
  if (!limiter.status().ok()) std::cout << limiter.status().to_string() << '\n';

  for (int worker = 0; worker < 4; ++worker) {
    if (::fork() == 0) {
      int started = 0;
      for (int i = 0; i < 10; ++i) started += limiter.try_acquire() ? 1 : 0;
      ::_exit(started);
    }
  }
  int started = 0;
  for (int status = 0; ::wait(&status) > 0;) started += WEXITSTATUS(status);
  std::cout << "4 workers started " << started << " of 40\n";
  std::filesystem::remove_all(directory);
}
