// SPDX-License-Identifier: Apache-2.0
//
// The problems of a request that are not about its parameters, and the answer to a guest that no
// worker serves.
#pragma once

#include <string>
#include <string_view>

#include "reply.hpp"
#include "tidegate/status.hpp"

namespace server::problems {

Problem busy();                                                         // 503
Problem slow_head();                                                    // 408
Problem long_line();                                                    // 414
Problem large_head();                                                   // 431
Problem failed();                                                       // 500
Problem unknown_path(std::string_view path, std::string_view nearest);  // 404
Problem wrong_method(std::string_view method);                          // 405
Problem unwanted_body();                                                // 413
Problem encoded_body();                                                 // 415
Problem not_set(std::string_view option, std::string_view name);        // 404

// 503: what the server has to ask, by its field and its name, gave no answer.
Problem unavailable(const tidegate::Status& why, std::string_view field, std::string_view name);

// What cpp-httplib refuses by itself, by its status.
Problem refused(int status);

// A whole answer, status line and all, after which the connection is closed.
std::string whole_answer(const Problem& problem);

}  // namespace server::problems
