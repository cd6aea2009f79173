// SPDX-License-Identifier: Apache-2.0
// What the end of a request looks like in Python.
#pragma once

#include "operation.hpp"
#include "tidegate/http.hpp"

namespace tidegate::python {

// The package's Response. REQUIRES: the operation has ended with one.
PyObject* answer_response(OperationObject* self, const Response& response);

// The package's streamed response, of a head and a stream, which is stolen.
PyObject* make_streamed(OperationObject* self, const Response& head, PyObject* stream);

// What is behind an Upload; null for what is none.
const Upload* upload_of(PyObject* object);

// Frees the native copy of a body that Python has now. Under the GIL, when the answer is stored.
void drop_body(const OperationObject* self);

}  // namespace tidegate::python
