// SPDX-License-Identifier: Apache-2.0
#include "net/curl_transport.hpp"

#include "base/per_process.hpp"
#include "net/curl_transfer.hpp"
#include "net/runtime.hpp"

namespace tidegate::internal {

Task<TransportReply> CurlTransport::exchange(const TransportRequest* request) {
  CurlTransfer transfer(multi_, *request);
  const Cause woken = co_await transfer;
  co_return transfer.take_reply(woken);
}

std::shared_ptr<CurlTransport> curl_transport() {
  static auto* const home = new PerProcess<CurlTransport>;
  return home->get([] {
    (void)CurlMulti::set_up();  // where it fails, the first transfer says so
    return std::make_shared<CurlTransport>(Runtime::current().shard());
  });
}

}  // namespace tidegate::internal
