// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <string_view>

#include "guard.hpp"
#include "objects.hpp"

namespace tidegate::c {
namespace {

std::string_view bytes_at(const void* data, std::size_t size) {
  return {static_cast<const char*>(data), size};
}

}  // namespace
}  // namespace tidegate::c

using namespace tidegate;     // NOLINT(google-build-using-namespace)
using namespace tidegate::c;  // NOLINT(google-build-using-namespace)

tidegate_status tidegate_bytes_create(const void* data, size_t size, tidegate_bytes** bytes,
                                      tidegate_error** err) {
  return guard(err, [&] {
    Status ready = clear(bytes);
    if (!ready.ok()) return ready;
    if (!data && size) return bad_argument("the data is NULL, and its size is not 0");
    std::string copy(data ? bytes_at(data, size) : std::string_view());
    return give(bytes, std::make_unique<BytesObject>(std::move(copy)));
  });
}

tidegate_status tidegate_bytes_create_nocopy(const void* data, size_t size, void* user,
                                             tidegate_free_fn user_free, tidegate_bytes** bytes,
                                             tidegate_error** err) {
  return guard(err, [&] {
    UserData owner(user, user_free);
    Status ready = clear(bytes);
    if (!ready.ok()) return ready;
    if (!data && size) return bad_argument("the data is NULL, and its size is not 0");
    const std::string_view view = data ? bytes_at(data, size) : std::string_view("");
    auto blob = std::make_shared<const Blob>(view, std::move(owner));
    return give(bytes, std::make_unique<BytesObject>(std::move(blob)));
  });
}

const char* tidegate_bytes_data(const tidegate_bytes* bytes) {
  const BytesObject* object = peek(bytes);
  return object ? object->blob->view().data() : "";
}

size_t tidegate_bytes_size(const tidegate_bytes* bytes) {
  const BytesObject* object = peek(bytes);
  return object ? object->blob->view().size() : 0;
}

tidegate_status tidegate_bytes_retain(tidegate_bytes* bytes) {
  return guard(nullptr,
               [&] { return retain(bytes) ? Status() : no_handle(bytes, "tidegate_bytes"); });
}

void tidegate_bytes_release(tidegate_bytes* bytes) { give_back(bytes); }
