// SPDX-License-Identifier: Apache-2.0
//
// What a newcomer sees first: the addresses to try, and one real answer, asked of the server itself
// as any client asks.
#pragma once

#include <string>

namespace server {

void try_out(const std::string& host, int port);

}  // namespace server
