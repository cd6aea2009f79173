// SPDX-License-Identifier: Apache-2.0
#include "net/curl_drain.hpp"

namespace tidegate::internal {

CurlDrain::~CurlDrain() {
  multi().shard().disarm(*this);
  multi().stop(*this);
  multi().give_back(easy_);
}

void CurlDrain::begin(CurlEnd& former) noexcept {
  CurlOptions options(easy_);
  const curl_write_callback on_bytes = [](char*, std::size_t, std::size_t size, void* self) {
    return static_cast<CurlDrain*>(self)->drop(size);
  };
  const curl_prereq_callback on_send = [](void*, char*, char*, int, int) {
    return CURL_PREREQFUNC_ABORT;  // not once more
  };
  options.set(CURLOPT_HEADERFUNCTION, on_bytes);
  options.set(CURLOPT_HEADERDATA, this);
  options.set(CURLOPT_WRITEFUNCTION, on_bytes);
  options.set(CURLOPT_WRITEDATA, this);
  options.set(CURLOPT_PREREQFUNCTION, on_send);
  options.set(CURLOPT_PREREQDATA, nullptr);
  options.set(CURLOPT_OPENSOCKETDATA, static_cast<CurlEnd*>(this));
  options.set(CURLOPT_ERRORBUFFER, static_cast<char*>(nullptr));
  multi().hand_over(former, *this);
  multi().shard().arm(*this, multi().shard().now() + kGrace);
}

std::size_t CurlDrain::drop(std::size_t size) noexcept {
  dropped_ += size;
  return dropped_ <= kMost ? size : 0;
}

}  // namespace tidegate::internal
