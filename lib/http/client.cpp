// SPDX-License-Identifier: Apache-2.0
#include "base/ports/clock.hpp"
#include "http/home.hpp"
#include "tidegate/http.hpp"

namespace tidegate {

Operation<Response> Request::start() const { return client_->start(values_); }
Operation<ResponseStream> Request::stream() const { return client_->stream(values_); }

Client::Client(const ClientOptions& options)
    : home_(std::make_shared<internal::ClientHome>(options)) {}

Status Client::status() const { return home_->status(); }
ClientStats Client::stats() const { return home_->here()->stats(); }
std::string Client::cookies_for(std::string_view url) const {
  const auto place = internal::HttpUrl::parse(url);
  if (!place.ok()) return {};
  return home_->here()->cookies().field(*place, internal::wall_time());
}
void Client::clear_cookies() const { home_->here()->cookies().clear(); }
void Client::close() const { home_->close(); }

}  // namespace tidegate
