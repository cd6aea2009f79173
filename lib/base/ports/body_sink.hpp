// SPDX-License-Identifier: Apache-2.0
//
// BodySink: who takes the body of a reply while it comes, in place of the reply's own. A transport
// (base/ports/transport.hpp) that is given one calls, on the loop and from inside of the exchange:
//
//   sink.begin(head, source)     the head is there, in a reply without a body
//   sink.take(bytes)             any number of times
//   sink.end()                   nothing more comes; the exchange's reply then says why
//
// A sink that has no room says so, and the transport reads nothing more from the connection until it
// is told to go on: so a reader that is slow slows down the server, and nothing is piled up here.
// The silence of a body that waits for its reader is not counted.
//
// A sink may be passed over: it gets no call, and the body is in the reply. That is for transports
// that know no other way, and for redirects.
#pragma once

#include <string_view>

namespace tidegate::internal {

struct TransportReply;

// Where a body comes from, from begin() to end().
class BodySource {
 public:
  // There is room again. Not from inside of take().
  virtual void go_on() noexcept = 0;

 protected:
  ~BodySource() = default;
};

class BodySink {
 public:
  // False: the body of this one is wanted whole, in the reply. May throw for memory, as take() may.
  virtual bool begin(const TransportReply& head, BodySource& source) = 0;
  // All of `bytes`, or none of them: false, and they come again after source.go_on().
  virtual bool take(std::string_view bytes) = 0;
  virtual void end() noexcept = 0;

 protected:
  ~BodySink() = default;
};

}  // namespace tidegate::internal
