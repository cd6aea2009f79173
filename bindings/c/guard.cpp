// SPDX-License-Identifier: Apache-2.0
#include "guard.hpp"

#include <exception>
#include <new>
#include <string>

#include "objects.hpp"

namespace tidegate::c {

tidegate_status report(const Status& status, tidegate_error** error) noexcept {
  if (error && !status.ok()) {
    try {
      *error = add<tidegate_error>(std::make_unique<ErrorObject>(status));
    } catch (const std::bad_alloc&) {
      *error = nullptr;
    }
  }
  return static_cast<tidegate_status>(status.code());
}

Status caught() noexcept {
  try {
    throw;
  } catch (const std::bad_alloc&) {
    return Status(Cause::kNoMemory, "out of memory");
  } catch (const std::exception& error) {
    return Status(Cause::kInternal, error.what());
  } catch (...) {
    return Status(Cause::kInternal, "something that is no std::exception was thrown");
  }
}

Status no_handle(const void* handle, const char* type) {
  std::string message(type);
  message += handle ? " is not one, or was given back already" : " is NULL";
  return Status(Cause::kBadArgument, message);
}

Status bad_argument(const char* what) { return Status(Cause::kBadArgument, what); }

}  // namespace tidegate::c
