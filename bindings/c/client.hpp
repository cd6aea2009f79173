// SPDX-License-Identifier: Apache-2.0
//
// What is behind a tidegate_client and a tidegate_response.
#pragma once

#include <utility>

#include "objects.hpp"
#include "tidegate/c.h"
#include "tidegate/http.hpp"

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

template <>
struct ObjectOf<tidegate_client> : Behind<ClientObject, Kind::kClient> {};
template <>
struct ObjectOf<tidegate_response> : Behind<ResponseObject, Kind::kResponse> {};

}  // namespace tidegate::c
