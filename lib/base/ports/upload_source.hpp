// SPDX-License-Identifier: Apache-2.0
//
// UploadSource: where the body of a request comes from while it is sent. A transport
// (base/ports/transport.hpp) that is given one calls, on the loop and from inside of the exchange:
//
//   source.begin(loop, sender)
//   source.pull(room)           any number of times: bytes, the end, a failure, or nothing for now
//   source.end()                the exchange is over, whether all was sent or not
//
// and whoever has another exchange with it, source.rewind() before.
//
// Where there is nothing for now, the transport sends nothing more until sender.send_on(), which the
// source calls on the loop. What was pulled is gone, unless the source can be rewound.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "tidegate/status.hpp"

namespace tidegate::internal {

class Loop;

class UploadSender {
 public:
  // There is something to pull again. Not from inside of pull().
  virtual void send_on() noexcept = 0;

 protected:
  ~UploadSender() = default;
};

enum class Pull : std::uint8_t { kBytes, kNothing, kEnd, kFailed };
struct Pulled {
  Pull what = Pull::kNothing;
  std::size_t size = 0;
};

class UploadSource {
 public:
  virtual ~UploadSource() = default;

  // Bytes in all, where they are known before.
  virtual std::optional<std::uint64_t> length() const noexcept = 0;

  virtual void begin(Loop& loop, UploadSender& sender) noexcept = 0;
  virtual Pulled pull(std::span<char> room) noexcept = 0;
  // After Pull::kFailed.
  virtual Status failure() const = 0;
  virtual void end() noexcept = 0;

  // Whether it can be pulled from its begin again; rewind() makes it so, and is false where it cannot
  // and something was pulled.
  virtual bool can_rewind() const noexcept = 0;
  virtual bool rewind() noexcept = 0;

  // No exchange will want it any more. Any thread.
  virtual void over() noexcept = 0;
};

}  // namespace tidegate::internal
