// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <memory>

#include "client.hpp"
#include "guard.hpp"
#include "start.hpp"

namespace tidegate::c {
namespace {

constexpr char kStreamType[] = "tidegate_stream";

}  // namespace
}  // namespace tidegate::c

using namespace tidegate;     // NOLINT(google-build-using-namespace)
using namespace tidegate::c;  // NOLINT(google-build-using-namespace)

tidegate_status tidegate_client_stream(tidegate_client* client, const char* method, const char* url,
                                       const tidegate_request_options* options, tidegate_op** op,
                                       tidegate_error** err) {
  return guard(err,
               [&] { return send(client, method, url, options, OpState::Gives::kStream, op); });
}

tidegate_status tidegate_op_stream(const tidegate_op* handle, tidegate_stream** stream,
                                   tidegate_error** err) {
  return guard(err, [&] {
    return give_result<ResponseStream>(handle, stream,
                                       "only tidegate_client_stream() gives a stream",
                                       [](const OpRef& op, const ResponseStream& of_op) {
                                         return std::make_unique<StreamObject>(op, of_op);
                                       });
  });
}

tidegate_status tidegate_stream_response(const tidegate_stream* handle,
                                         tidegate_response** response, tidegate_error** err) {
  return guard(err, [&] {
    Status status = clear(response);
    if (!status.ok()) return status;
    const Pin stream(handle);
    if (!stream) return no_handle(handle, kStreamType);
    return give(response, std::make_unique<ResponseObject>(stream->op, stream->stream.head));
  });
}

tidegate_status tidegate_stream_read(tidegate_stream* handle, size_t most, tidegate_op** op,
                                     tidegate_error** err) {
  return guard(err, [&] {
    Status status = clear(op);
    if (!status.ok()) return status;
    const Pin stream(handle);
    if (!stream) return no_handle(handle, kStreamType);
    if (most == 0) return bad_argument("a read of no bytes");
    start_op(
        OpRef(internal::OperationRef::adopt(new OpState(OpState::Gives::kChunk))), nullptr,
        [&] { return stream->stream.read(most).state(); }, op);
    return Status();
  });
}

tidegate_status tidegate_stream_close(tidegate_stream* handle, tidegate_error** err) {
  return guard(err, [&] {
    const Pin stream(handle);
    if (!stream) return no_handle(handle, kStreamType);
    stream->stream.close();
    return Status();
  });
}

tidegate_status tidegate_stream_retain(tidegate_stream* stream) {
  return guard(nullptr, [&] { return retain(stream) ? Status() : no_handle(stream, kStreamType); });
}

void tidegate_stream_release(tidegate_stream* stream) { give_back(stream); }
