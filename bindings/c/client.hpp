// SPDX-License-Identifier: Apache-2.0
//
// What is behind a tidegate_client, a tidegate_response, a tidegate_stream and a tidegate_upload.
#pragma once

#include <memory>
#include <type_traits>
#include <utility>

#include "guard.hpp"
#include "objects.hpp"
#include "tidegate/c.h"
#include "tidegate/http.hpp"
#include "tidegate/upload.hpp"

namespace tidegate::c {

class ClientObject final : public Object {
 public:
  explicit ClientObject(const ClientOptions& options) : client(options) {}
  const Client client;
};

// Keeps the operation whose response it shows: nothing is copied.
class ResponseObject final : public Object {
 public:
  ResponseObject(OpRef op, const Response& of_op) noexcept : response(of_op), op_(std::move(op)) {}
  const Response& response;

 private:
  const OpRef op_;
};

// Ends with its handle, whoever has others.
class StreamObject final : public Object {
 public:
  StreamObject(OpRef from, const ResponseStream& of_op) noexcept
      : op(std::move(from)), stream(of_op) {}
  ~StreamObject() override { stream.close(); }
  const OpRef op;
  const ResponseStream& stream;
};

class UploadObject final : public Object {
 public:
  explicit UploadObject(Upload what) noexcept : upload(std::move(what)) {}
  const Upload upload;
};

// Gives the handle that `make` has made of an operation and of what it came to; `otherwise` is said
// where that is no T.
template <class T, class H, class Make>
Status give_result(const tidegate_op* handle, H** out, const char* otherwise, Make make) {
  Status status = clear(out);
  if (!status.ok()) return status;
  const Pin op(handle);
  if (!op) return no_handle(handle, "tidegate_op");
  status = op->op->status();
  if (!status.ok()) return status;
  return op->op->visit([&]<class U>(const Result<U>& result) {
    if constexpr (std::is_same_v<U, T>) {
      return give(out, make(op->op, *result));
    } else {
      return bad_argument(otherwise);
    }
  });
}

// Starts a request that the arguments of a verb describe.
Status send(const tidegate_client* handle, const char* method, const char* url,
            const tidegate_request_options* given, OpState::Gives what, tidegate_op** op);

template <>
struct ObjectOf<tidegate_upload> : Behind<UploadObject, Kind::kUpload> {};
template <>
struct ObjectOf<tidegate_stream> : Behind<StreamObject, Kind::kStream> {};
template <>
struct ObjectOf<tidegate_client> : Behind<ClientObject, Kind::kClient> {};
template <>
struct ObjectOf<tidegate_response> : Behind<ResponseObject, Kind::kResponse> {};

}  // namespace tidegate::c
