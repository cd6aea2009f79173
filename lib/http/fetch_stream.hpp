// SPDX-License-Identifier: Apache-2.0
//
// FetchStream: a Fetch whose response is given out with its head, and whose flow goes on until the
// body has come: it holds the place, the deadline and the transfer. So there are two operations: the
// head's, which the caller has, and the flow's, which the stream has to cancel it by.
//
// A reply that may be followed by another attempt is fetched whole, as ever. Where none follows, it is a
// stream that has come already.
#pragma once

#include <memory>
#include <optional>

#include "http/body_stream.hpp"
#include "http/fetch.hpp"
#include "tidegate/stream.hpp"

namespace tidegate::internal {

// What the copies of a ResponseStream share. Its end is the stream's.
class StreamHandle {
 public:
  StreamHandle(std::shared_ptr<BodyStream> body, OperationRef fetch) noexcept
      : body_(std::move(body)), fetch_(std::move(fetch)) {}
  StreamHandle(const StreamHandle&) = delete;
  StreamHandle& operator=(const StreamHandle&) = delete;
  ~StreamHandle() { close(); }

  const std::shared_ptr<BodyStream>& body() const noexcept { return body_; }
  void close() noexcept {
    body_->close();
    fetch_->cancel();
  }

 private:
  const std::shared_ptr<BodyStream> body_;
  const OperationRef fetch_;
};

class HeadOperation final : public OperationState {
 public:
  HeadOperation() noexcept : result_(Status(Cause::kInternal, "a request that has not ended")) {}

  void follow(OperationRef fetch) noexcept { fetch_ = std::move(fetch); }
  void cancel() noexcept override {
    if (!done()) fetch_->cancel();
  }
  const void* result() const noexcept override { return &result_; }
  void end(Result<ResponseStream> result) noexcept;

 private:
  OperationRef fetch_;
  Result<ResponseStream> result_;
};

class FetchStream final : public Fetch, private BodySink {
 public:
  // At most `most` bytes, as they come and decoded.
  static Operation<ResponseStream> start(std::shared_ptr<HttpCore> core, HttpPlan&& plan,
                                         std::size_t most, TimePoint now);
  static Operation<ResponseStream> refused(const std::shared_ptr<HttpCore>& core,
                                           const Status& why);

 private:
  FetchStream(std::shared_ptr<HttpCore> core, HttpPlan&& plan, std::size_t most, TimePoint begun,
              Ref<HeadOperation> head);

  bool begin(const TransportReply& head, BodySource& source) override;
  bool take(std::string_view bytes) override { return body_->take(bytes); }
  void end() noexcept override { body_->flow_ended(); }

  void settle(const Status& outcome) noexcept override;
  void give_whole();
  void give(Response response);
  void decode(Response& response);
  Status of_body(const Status& why) const;

  std::optional<std::size_t> decodes_to_;
  const std::shared_ptr<BodyStream> body_;
  Ref<HeadOperation> head_;  // until it has its result
};

}  // namespace tidegate::internal
