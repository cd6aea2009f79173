// SPDX-License-Identifier: Apache-2.0
#include "http/home.hpp"
#include "tidegate/http.hpp"

namespace tidegate {

Operation<Response> Request::start() const { return client_->start(values_); }

Client::Client(const ClientOptions& options)
    : home_(std::make_shared<internal::ClientHome>(options)) {}

Status Client::status() const { return home_->status(); }
ClientStats Client::stats() const { return home_->here()->stats(); }
void Client::close() const { home_->close(); }

}  // namespace tidegate
