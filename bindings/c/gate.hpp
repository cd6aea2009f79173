// SPDX-License-Identifier: Apache-2.0
//
// What is behind a tidegate_gate.
#pragma once

#include "objects.hpp"
#include "tidegate/c.h"
#include "tidegate/gate.hpp"

namespace tidegate::c {

class GateObject final : public Object {
 public:
  explicit GateObject(const GateOptions& options) : gate(options) {}
  const Gate gate;
};

template <>
struct ObjectOf<tidegate_gate> : Behind<GateObject, Kind::kGate> {};

}  // namespace tidegate::c
