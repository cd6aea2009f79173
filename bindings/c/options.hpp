// SPDX-License-Identifier: Apache-2.0
//
// The structs of options: how one that may be of an older or a newer program is read and written.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "guard.hpp"
#include "tidegate/c.h"

namespace tidegate::c {

// The size in the release that brought the struct; never changes.
template <class T>
inline constexpr std::size_t kFirstSize = 0;
template <>
inline constexpr std::size_t kFirstSize<tidegate_sqlite_options> = 24;
template <>
inline constexpr std::size_t kFirstSize<tidegate_query_options> = 48;
template <>
inline constexpr std::size_t kFirstSize<tidegate_call_options> = 48;
template <>
inline constexpr std::size_t kFirstSize<tidegate_load_options> = 56;
template <>
inline constexpr std::size_t kFirstSize<tidegate_cache_counts> = 80;
template <>
inline constexpr std::size_t kFirstSize<tidegate_request_options> = 128;
template <>
inline constexpr std::size_t kFirstSize<tidegate_client_options> = 24;
template <>
inline constexpr std::size_t kFirstSize<tidegate_http_timings> = 56;
template <>
inline constexpr std::size_t kFirstSize<tidegate_client_counts> = 88;
template <>
inline constexpr std::size_t kFirstSize<tidegate_proxy_counts> = 296;
template <>
inline constexpr std::size_t kFirstSize<tidegate_breaker_counts> = 56;
template <>
inline constexpr std::size_t kFirstSize<tidegate_limiter_options> = 64;
template <>
inline constexpr std::size_t kFirstSize<tidegate_limiter_counts> = 48;
template <>
inline constexpr std::size_t kFirstSize<tidegate_keyed_limiter_options> = 24;
template <>
inline constexpr std::size_t kFirstSize<tidegate_keyed_limiter_counts> = 72;
template <>
inline constexpr std::size_t kFirstSize<tidegate_gate_options> = 48;
template <>
inline constexpr std::size_t kFirstSize<tidegate_gate_counts> = 72;
template <>
inline constexpr std::size_t kFirstSize<tidegate_answer> = 56;

// A larger size is no size: somebody forgot to set it.
inline constexpr std::size_t kMostSize = 4096;

template <class T>
Status size_of(const T* given, std::size_t& size) {
  static_assert(sizeof(T) >= kFirstSize<T> && sizeof(T) % 8 == 0);
  std::memcpy(&size, given, sizeof size);
  if (size >= kFirstSize<T> && size <= kMostSize) return Status();
  return Status(Cause::kBadArgument, "struct_size is " + std::to_string(size) + ", but must be " +
                                         std::to_string(sizeof(T)) + ": use the _INIT macro");
}

// Copies what both sides know; `options` keeps its defaults where nothing is given.
template <class T>
Status read_options(const T* given, T& options) {
  if (!given) return Status();
  std::size_t size = 0;
  Status status = size_of(given, size);
  if (!status.ok()) return status;
  const char* bytes = reinterpret_cast<const char*>(given);
  if (std::any_of(bytes + std::min(size, sizeof(T)), bytes + size, [](char c) { return c != 0; })) {
    return bad_argument("the options use members that this library does not know");
  }
  std::memcpy(&options, given, std::min(size, sizeof(T)));
  return Status();
}

// Gives the caller what it has room for; its struct_size stays.
template <class T>
Status write_struct(const T& values, T* out) {
  std::size_t size = 0;
  Status status = size_of(out, size);
  if (!status.ok()) return status;
  constexpr std::size_t kHead = sizeof(std::size_t);
  std::memcpy(reinterpret_cast<char*>(out) + kHead, reinterpret_cast<const char*>(&values) + kHead,
              std::min(size, sizeof(T)) - kHead);
  return Status();
}

}  // namespace tidegate::c
