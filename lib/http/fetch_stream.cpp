// SPDX-License-Identifier: Apache-2.0
#include "http/fetch_stream.hpp"

#include <algorithm>
#include <limits>
#include <new>
#include <utility>

namespace tidegate::internal {

namespace {

bool has_no_body(const std::string& method, const Response& response) noexcept {
  return method == "HEAD" || response.status == 204 || response.status == 304 ||
         response.headers.find("Content-Length") == "0";
}

}  // namespace

void HeadOperation::end(Result<ResponseStream> result) noexcept {
  if (!claim()) return;
  result_ = std::move(result);
  publish();
}

FetchStream::FetchStream(std::shared_ptr<HttpCore> core, HttpPlan&& given, std::size_t most,
                         TimePoint begun, Ref<HeadOperation> head)
    : Fetch(std::move(core), std::move(given), begun),
      body_(std::make_shared<BodyStream>(loop(), what())),
      head_(std::move(head)) {
  if (plan().decodes_to) decodes_to_ = most;
  plan().decodes_to.reset();
  plan().wire.sink = this;
  plan().wire.max_streamed = most;
}

Operation<ResponseStream> FetchStream::start(std::shared_ptr<HttpCore> core, HttpPlan&& plan,
                                             std::size_t most, TimePoint now) {
  auto* const head = new HeadOperation;
  OperationRef handle = OperationRef::adopt(head);
  auto* const fetch =
      new FetchStream(std::move(core), std::move(plan), most, now, Ref<HeadOperation>::share(head));
  head->follow(fetch->FlowOperation::begin());
  return Operation<ResponseStream>(std::move(handle));
}

Operation<ResponseStream> FetchStream::refused(const std::shared_ptr<HttpCore>& core,
                                               const Status& why) {
  auto* const head = new HeadOperation;
  OperationRef handle = OperationRef::adopt(head);
  auto fetch = Fetch::refused(core, why);
  head->end(fetch.wait().status());
  return Operation<ResponseStream>(std::move(handle));
}

bool FetchStream::begin(const TransportReply& head, BodySource& source) {
  if (may_be_followed(head)) return false;
  Response response = hand_out(head);
  decode(response);
  body_->flow_from(source);
  give(std::move(response));
  return true;
}

void FetchStream::decode(Response& response) {
  if (!decodes_to_ || has_no_body(plan().wire.method, response)) return;
  const auto fields = response.headers.all("Content-Encoding");
  if (fields.empty()) return;
  constexpr std::size_t kUnknown = std::numeric_limits<std::size_t>::max();
  auto made = ContentDecoder::make(fields, {.most = *decodes_to_, .encoded = kUnknown});
  if (!made.ok()) return body_->fail(made.status());
  if (made->empty()) return;
  body_->decode(std::move(made).value());
  response.headers.remove("Content-Encoding");
  response.headers.remove("Content-Length");
}

void FetchStream::give(Response response) {
  auto handle = std::make_shared<StreamHandle>(body_, OperationRef::share(this));
  const Ref<HeadOperation> head = std::exchange(head_, {});
  head->end(ResponseStream(std::move(response), std::move(handle)));
}

void FetchStream::settle(const Status& why) noexcept try {
  const bool was_given = !head_;
  Fetch::settle(why);
  if (was_given) return body_->end(outcome().ok() ? Status() : of_body(outcome().status()));
  if (outcome().ok()) return give_whole();
  std::exchange(head_, {})->end(outcome().status());
} catch (const std::bad_alloc&) {
  const Status none(Cause::kNoMemory, "");
  body_->end(none);
  if (head_) std::exchange(head_, {})->end(none);
}

void FetchStream::give_whole() {
  Response response = std::move(outcome()).value();
  decode(response);
  body_->keep(std::exchange(response.body, {}).view());
  body_->end(Status());
  give(std::move(response));
}

Status FetchStream::of_body(const Status& why) const {
  if (why.cause() != Cause::kDeadline) return why;
  const Duration within = std::max(Duration::zero(), deadline().time() - begun());
  return Status(why.cause(), what() + ": the body had not ended within " + format_duration(within))
      .with_elapsed(why.elapsed())
      .with_attempts(why.attempts());
}

}  // namespace tidegate::internal

namespace tidegate {

Operation<Bytes> ResponseStream::read(std::size_t most) const {
  if (!handle_) {
    return internal::StreamRead::refused(Status(Cause::kBadArgument, "a read of an empty stream"));
  }
  if (most == 0) {
    return internal::StreamRead::refused(Status(Cause::kBadArgument, "a read of no bytes"));
  }
  return internal::StreamRead::start(handle_->body(), most);
}

void ResponseStream::close() const {
  if (handle_) handle_->close();
}

}  // namespace tidegate
