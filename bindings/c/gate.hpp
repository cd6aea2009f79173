// SPDX-License-Identifier: Apache-2.0
//
// What is behind a tidegate_gate.
#pragma once

#include <utility>

#include "objects.hpp"
#include "tidegate/c.h"
#include "tidegate/gate.hpp"

namespace tidegate::c {

class GateObject final : public Object {
 public:
  explicit GateObject(Gate what) noexcept : gate(std::move(what)) {}
  const Gate gate;
};

template <>
struct ObjectOf<tidegate_gate> : Behind<GateObject, Kind::kGate> {};

}  // namespace tidegate::c
