// SPDX-License-Identifier: Apache-2.0
#include "net/run_guarded.hpp"

#include <cxxabi.h>

#include <exception>
#include <string>

#include "base/log_record.hpp"

namespace tidegate::internal {

void run_guarded(const char* topic, const std::function<void()>& work) {
  try {
    work();
  } catch (abi::__forced_unwind&) {
    throw;
  } catch (const std::exception& error) {
    log(LogLevel::kError, topic, std::string("it threw: ") + error.what());
  } catch (...) {
    log(LogLevel::kError, topic, "it threw something that is no std::exception");
  }
}

}  // namespace tidegate::internal
