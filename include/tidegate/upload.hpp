// SPDX-License-Identifier: Apache-2.0
//
// Upload: the body of a request that is written while it is sent, in place of all at once.
//
//   tidegate::Upload upload;                                    // or Upload(size), where it is known
//   auto op = http.put(url).body(upload).timeout(10min).start();
//   while (auto piece = next()) {
//     if (!upload.write(*piece).wait().ok()) break;             // the request has ended
//   }
//   upload.finish();
//   auto response = op.wait();
//
// What it promises
//   * Memory is bounded: a write ends when there is room for another one, and that is while less than
//     256 KiB wait to be sent. So a server that is slow slows down who writes.
//   * With a size the request says so, and a body that comes to another one fails it; without, it is
//     sent in chunks (Transfer-Encoding).
//   * What was sent is gone, unless it is rewindable(): such a request is sent once. It is tried again
//     only where no connection came about, and a redirect that wants the body again is the failure
//     kRedirect.
//   * The times of the request count: its timeout() all of it; attempt_timeout() the silence of the
//     server from the last byte that was taken, and not the silence of who writes; read_timeout() that
//     of a server that has begun its body, from the last byte of either side.
//   * Where the request ends first, for whatever reason, writes end with kClosed. The last copy that
//     goes without finish() fails the request with kCancelled; so does fail(), with what it is told.
//
// Thread-safety: any thread; one write at a time, another one is refused. A request keeps a copy, so
// that it must go too for the upload to be dropped.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "tidegate/bytes.hpp"
#include "tidegate/operation.hpp"
#include "tidegate/status.hpp"

namespace tidegate {

namespace internal {
class BodyFeed;
class UploadHandle;
}  // namespace internal

class Upload {
 public:
  // A body of a size that is not known before; or of this one.
  Upload();
  explicit Upload(std::uint64_t size);
  // One that can be written from its begin again, as that of a file, where the request is tried again
  // or redirected. A write then ends with 0, or sent() with false, and the next bytes are the first.
  static Upload rewindable(std::uint64_t size);

  // Takes the bytes without a copy. It ends with how many there are; one that is cancelled has been
  // taken, and only does not wait for room.
  Operation<std::size_t> write(Bytes bytes) const;

  // The body has ended. kBadArgument, and the request fails, where it is shorter than it was said.
  Status finish() const;

  // Ends with true when the request has ended; with false where the body is wanted again. To be
  // waited for after finish() by who can rewind.
  Operation<bool> sent() const;

  // There will be no more of it: the request fails with this.
  void fail(Status why) const;

  const std::shared_ptr<internal::UploadHandle>& handle() const noexcept { return handle_; }

 private:
  explicit Upload(std::shared_ptr<internal::UploadHandle> handle) noexcept;

  std::shared_ptr<internal::UploadHandle> handle_;
};

}  // namespace tidegate
