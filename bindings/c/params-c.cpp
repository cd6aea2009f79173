// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "guard.hpp"
#include "objects.hpp"

namespace tidegate::c {
namespace {

constexpr char kParamsType[] = "tidegate_params";

Status set_param(tidegate_params* handle, const char* name, ParamValue value) {
  const Pin params(handle);
  if (!params) return no_handle(handle, kParamsType);
  if (!name || !*name) return bad_argument("the parameter has no name");
  params->params.set(name, std::move(value));
  return Status();
}

Status add_param(tidegate_params* handle, ParamValue value) {
  const Pin params(handle);
  if (!params) return no_handle(handle, kParamsType);
  params->params.add(std::move(value));
  return Status();
}

// Calls `use(value)` where the text is one.
template <class Use>
Status with_text(const char* text, int64_t size, Use use) {
  if (!text && size != 0) return bad_argument("the text is NULL");
  if (size < -1) return bad_argument("the size of the text is negative");
  if (!text) return use(ParamValue(std::string()));
  return use(
      ParamValue(size < 0 ? std::string(text) : std::string(text, static_cast<std::size_t>(size))));
}

template <class Use>
Status with_blob(const void* data, size_t size, Use use) {
  if (!data && size) return bad_argument("the data is NULL, and its size is not 0");
  if (!data) return use(ParamValue(Bytes()));
  return use(ParamValue(Bytes::copy_of({static_cast<const char*>(data), size})));
}

}  // namespace
}  // namespace tidegate::c

using namespace tidegate;     // NOLINT(google-build-using-namespace)
using namespace tidegate::c;  // NOLINT(google-build-using-namespace)

tidegate_status tidegate_params_create(tidegate_params** params, tidegate_error** err) {
  return guard(err, [&] {
    Status ready = clear(params);
    return ready.ok() ? give(params, std::make_unique<ParamsObject>()) : ready;
  });
}

void tidegate_params_destroy(tidegate_params* params) { give_back(params); }

tidegate_status tidegate_params_set_null(tidegate_params* params, const char* name) {
  return guard(nullptr, [&] { return set_param(params, name, std::monostate()); });
}

tidegate_status tidegate_params_set_int64(tidegate_params* params, const char* name,
                                          int64_t value) {
  return guard(nullptr, [&] { return set_param(params, name, std::int64_t{value}); });
}

tidegate_status tidegate_params_set_double(tidegate_params* params, const char* name,
                                           double value) {
  return guard(nullptr, [&] { return set_param(params, name, value); });
}

tidegate_status tidegate_params_set_text(tidegate_params* params, const char* name,
                                         const char* text, int64_t size) {
  return guard(nullptr, [&] {
    return with_text(text, size,
                     [&](ParamValue value) { return set_param(params, name, std::move(value)); });
  });
}

tidegate_status tidegate_params_set_blob(tidegate_params* params, const char* name,
                                         const void* data, size_t size) {
  return guard(nullptr, [&] {
    return with_blob(data, size,
                     [&](ParamValue value) { return set_param(params, name, std::move(value)); });
  });
}

tidegate_status tidegate_params_add_null(tidegate_params* params) {
  return guard(nullptr, [&] { return add_param(params, std::monostate()); });
}

tidegate_status tidegate_params_add_int64(tidegate_params* params, int64_t value) {
  return guard(nullptr, [&] { return add_param(params, std::int64_t{value}); });
}

tidegate_status tidegate_params_add_double(tidegate_params* params, double value) {
  return guard(nullptr, [&] { return add_param(params, value); });
}

tidegate_status tidegate_params_add_text(tidegate_params* params, const char* text, int64_t size) {
  return guard(nullptr, [&] {
    return with_text(text, size,
                     [&](ParamValue value) { return add_param(params, std::move(value)); });
  });
}

tidegate_status tidegate_params_add_blob(tidegate_params* params, const void* data, size_t size) {
  return guard(nullptr, [&] {
    return with_blob(data, size,
                     [&](ParamValue value) { return add_param(params, std::move(value)); });
  });
}
