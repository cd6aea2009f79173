// SPDX-License-Identifier: Apache-2.0
#include "net/unix_route.hpp"

#include <sys/un.h>

#include "base/text.hpp"

namespace tidegate::internal {

Result<std::shared_ptr<const TransportRoute>> unix_route(const std::string& path) {
  const std::string shown = one_line(path, 120);
  if (path.front() != '/' || path.find('\0') != std::string::npos) {
    return Status(Cause::kBadArgument, "the Unix socket '" + shown + "' is no absolute path");
  }
  constexpr std::size_t kMost = sizeof(sockaddr_un::sun_path) - 1;
  if (path.size() > kMost) {
    return Status(Cause::kBadArgument, "the path of the Unix socket has " +
                                           std::to_string(path.size()) + " bytes, and " +
                                           std::to_string(kMost) + " are allowed");
  }
  auto route = std::make_shared<TransportRoute>();
  route->kind = TransportRoute::Kind::kUnix;
  route->host = path;
  route->shown = shown;
  route->identity = path;
  return std::shared_ptr<const TransportRoute>(std::move(route));
}

}  // namespace tidegate::internal
