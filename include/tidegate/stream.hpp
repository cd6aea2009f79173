// SPDX-License-Identifier: Apache-2.0
//
// ResponseStream: a response whose body is read while it comes, in place of all at once.
//
//   auto stream = http.get(url).timeout(10min).stream().wait();      // the head is there
//   if (!stream.ok()) return stream.status();
//   for (;;) {
//     auto chunk = stream->read().wait();
//     if (!chunk.ok()) return chunk.status();                        // the body broke off
//     if (chunk->empty()) break;                                     // its end
//     file.write(chunk->data(), chunk->size());
//   }
//
// What it promises
//   * Memory is bounded: where nobody reads, 256 KiB of the body are taken, and the connection then
//     stands still, and the server with it. `read_timeout` does not count such a pause.
//   * The body is decoded as in any response, a piece at a time, and refused where it grows to more
//     than 200 times what has come of it, beyond 1 MiB. It may be of any length: only max_body() of
//     the request itself bounds it, as it comes and decoded, and not the client's.
//   * The request's timeout() bounds all of it, to the last byte that comes: a long download says so.
//     What has come before is still read.
//   * What fails is tried again only before the head is given out. An answer that is worth another
//     attempt, a 503 for example, is given out when there is none.
//   * The stream has its place among the client's connections until the last byte has come, or until
//     it is closed: close(), or the last copy of it goes. Then the connection is closed, where the body
//     was not at its end.
//
// Thread-safety: any thread; one read at a time, another one is refused. Cost: a read is two hand-overs
// between threads, 10 us; read in large pieces.
#pragma once

#include <cstddef>
#include <memory>
#include <utility>

#include "tidegate/bytes.hpp"
#include "tidegate/http.hpp"
#include "tidegate/operation.hpp"

namespace tidegate {

namespace internal {
class StreamHandle;
}

class ResponseStream {
 public:
  static constexpr std::size_t kChunk = std::size_t{64} << 10;

  ResponseStream() noexcept = default;
  ResponseStream(Response response, std::shared_ptr<internal::StreamHandle> handle) noexcept
      : head(std::move(response)), handle_(std::move(handle)) {}

  // All of the response but its body. Its timings are those up to here.
  Response head;

  // The next bytes, 1 to `most` of them, as soon as there are any; none at the end, again and again.
  // A read that is cancelled takes nothing. What has come before a failure is read before it is told.
  Operation<Bytes> read(std::size_t most = kChunk) const;

  // Gives the place back. A read that waits ends with kClosed, as later ones do. Never blocks.
  void close() const;

 private:
  std::shared_ptr<internal::StreamHandle> handle_;
};

}  // namespace tidegate
