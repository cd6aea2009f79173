// SPDX-License-Identifier: Apache-2.0
#include "cache.hpp"
namespace tidegate::python {
void add_cached(py::module_&) {}
}  // namespace tidegate::python
