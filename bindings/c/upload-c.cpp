// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <memory>

#include "client.hpp"
#include "guard.hpp"
#include "start.hpp"

namespace tidegate::c {
namespace {

constexpr char kUploadType[] = "tidegate_upload";

}  // namespace
}  // namespace tidegate::c

using namespace tidegate;     // NOLINT(google-build-using-namespace)
using namespace tidegate::c;  // NOLINT(google-build-using-namespace)

tidegate_status tidegate_upload_create(int64_t size, tidegate_upload** upload,
                                       tidegate_error** err) {
  return guard(err, [&] {
    Status status = clear(upload);
    if (!status.ok()) return status;
    if (size < -1) return bad_argument("the size must be -1, or 0 and more");
    auto made = size < 0 ? Upload() : Upload(static_cast<std::uint64_t>(size));
    return give(upload, std::make_unique<UploadObject>(std::move(made)));
  });
}

tidegate_status tidegate_upload_write(tidegate_upload* handle, const void* data, size_t size,
                                      tidegate_op** op, tidegate_error** err) {
  return guard(err, [&] {
    Status status = clear(op);
    if (!status.ok()) return status;
    const Pin upload(handle);
    if (!upload) return no_handle(handle, kUploadType);
    if (!data && size) return bad_argument("the data is NULL, and its size is not 0");
    Bytes bytes = Bytes::copy_of({static_cast<const char*>(data), size});
    start_op(
        OpRef(internal::OperationRef::adopt(new OpState(OpState::Gives::kSize))), nullptr,
        [&] { return upload->upload.write(std::move(bytes)).state(); }, op);
    return Status();
  });
}

tidegate_status tidegate_upload_finish(tidegate_upload* handle, tidegate_error** err) {
  return guard(err, [&] {
    const Pin upload(handle);
    return upload ? upload->upload.finish() : no_handle(handle, kUploadType);
  });
}

tidegate_status tidegate_upload_retain(tidegate_upload* upload) {
  return guard(nullptr, [&] { return retain(upload) ? Status() : no_handle(upload, kUploadType); });
}

void tidegate_upload_release(tidegate_upload* upload) { give_back(upload); }
