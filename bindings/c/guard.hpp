// SPDX-License-Identifier: Apache-2.0
//
// The fence round the C ABI. The whole body of every function, allocations included, runs inside
// one guard(), so that no exception crosses into C:
//
//   tidegate_status tidegate_thing_verb(const tidegate_thing* handle, tidegate_error** err) {
//     return guard(err, [&]() -> Status {
//       Pin thing(handle);
//       if (!thing) return no_handle(handle, "tidegate_thing");
//       return thing->verb();
//     });
//   }
//
// One thing passes: the forced unwinding by which glibc ends a thread (pthread_exit, and Python at
// its exit, inside a callback of the user's). It must never be swallowed, so none of these
// functions is noexcept.
#pragma once

#include <cxxabi.h>

#include <memory>
#include <utility>

#include "handles.hpp"
#include "tidegate/c.h"
#include "tidegate/status.hpp"
#include "user.hpp"

namespace tidegate::c {

// The status as a number, and the error for who wants it.
tidegate_status report(const Status& status, tidegate_error** error) noexcept;

// The exception in flight as a Status. REQUIRES: called in a handler.
Status caught() noexcept;

template <class Body>
tidegate_status guard(tidegate_error** error, Body body) {
  const InsideCall inside;
  if (error) *error = nullptr;
  try {
    return report(body(), error);
  } catch (abi::__forced_unwind&) {
    throw;
  } catch (...) {
    return report(caught(), error);
  }
}

// For functions without a status: `otherwise` where the body throws.
template <class T, class Body>
T guard_value(T otherwise, Body body) {
  const InsideCall inside;
  try {
    return body();
  } catch (abi::__forced_unwind&) {
    throw;
  } catch (...) {
    return otherwise;
  }
}

Status no_handle(const void* handle, const char* type);
Status bad_argument(const char* what);

// Puts a new handle where the caller wants it. REQUIRES: out, see clear().
template <class H>
Status give(H** out, std::unique_ptr<ObjectT<H>> object) {
  *out = add<H>(std::move(object));
  return Status();
}

// To be called first: what cannot be made is NULL.
template <class H>
Status clear(H** out) {
  if (!out) return bad_argument("there is no place for the result: it is NULL");
  *out = nullptr;
  return Status();
}

template <class H>
void give_back(H* handle) {
  const InsideCall inside;
  release(handle);
}

}  // namespace tidegate::c
