// SPDX-License-Identifier: Apache-2.0
// A body that is read while it comes, in Python.
#pragma once

#include "operation.hpp"
#include "tidegate/stream.hpp"

namespace tidegate::python {

// The package's Response, with a Stream in the place of its body.
PyObject* answer_stream(OperationObject* self, const ResponseStream& stream);

// The bytes that a read has brought.
PyObject* answer_chunk(const Bytes& chunk);

}  // namespace tidegate::python
