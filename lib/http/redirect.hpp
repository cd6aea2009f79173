// SPDX-License-Identifier: Apache-2.0
//
// follow(): what is sent where an answer leads (RFC 9110, 15.4).
//
//   303, and 301 or 302 of a POST   a GET without the body and its fields
//   else                            the same again, body and all
//
// To another origin go only fields that mean no person and open no door: what the answer may look
// like, and what the body is. All others, a token or a cookie among them, are dropped for good: also
// where the next answer leads back. Never from https to http, and not past the most redirects.
//
// Pure.
#pragma once

#include "http/plan.hpp"

namespace tidegate::internal {

// REQUIRES: leads_elsewhere(reply.http_status, reply.headers). Changes `plan` to the next request,
// or fails with kRedirect and leaves it as it is.
Status follow(HttpPlan& plan, const TransportReply& reply);

}  // namespace tidegate::internal
